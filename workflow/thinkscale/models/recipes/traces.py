"""Corpora for supervised fine-tuning on reasoning traces, and their tokens.

A corpus row is a dict with
- `question`: the user's turn, text;
- `reasoning`: the thinking, text or a list of segments {kind: sampled | injected, text}; injected
  text was put in by budget forcing and carries no loss;
- `response`: what is written after the thinking, text;
- `ended` (optional): `natural` (default), `budget` (thinking was truncated: the end marker and the
  answer prompt were put in and carry no loss) or `open` (no end and no response).
"""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from thinkscale.calibration.bank import MAX_STEPS, draw_problem
from thinkscale.calibration.traces import TraceLaw, draw_trace
from thinkscale.corpora.source import CorpusSource, rows, source_of, too_few
from thinkscale.errors import ThinkscaleError

COLUMNS = {"question": "question", "reasoning": "reasoning", "response": "response"}
ENDS = ("natural", "budget", "open")
KINDS = ("sampled", "injected")

# The corpus favours short problems, additions and small operands; the bank spreads all evenly.
CORPUS_STEP_WEIGHTS = (6, 6, 6, 6, 5, 5, 4, 4)
CORPUS_OPERAND_WEIGHTS = (7.0, 6.0, 6.0, 5.0, 5.0, 4.0, 3.0, 3.0, 2.0)
CORPUS_MINUS_SHARE = 0.35
CORPUS_LAW = TraceLaw(forced=(0.6, 0.2, 0.1, 0.05, 0.05))


@dataclass(frozen=True)
class TraceFormat:
    """The strings around thinking, as the model writes them and as budget forcing puts them in."""

    think_start: str = "<think>\n"
    think_end: str = "</think>"
    answer_prompt: str = "\n\nAnswer:"


@dataclass(frozen=True)
class Example:
    """Token ids of prompt and completion, and for each whether it carries loss (0 or 1)."""

    input_ids: list[int]
    mask: list[int]
    prompt_tokens: int


def calibration_corpus(n: int, seed: int) -> list[dict]:
    """n rows of traces about problems from the training half of the calibration problems."""
    rng = random.Random(f"calibration-corpus-{seed}")
    rows = []
    for _ in range(n):
        k = rng.choices(range(1, MAX_STEPS + 1), CORPUS_STEP_WEIGHTS)[0]
        problem = draw_problem(
            rng,
            k,
            for_bank=False,
            minus_share=CORPUS_MINUS_SHARE,
            operand_weights=CORPUS_OPERAND_WEIGHTS,
        )
        row = asdict(draw_trace(rng, problem, CORPUS_LAW))
        rows.append(row | {"reasoning": list(row["reasoning"])})
    return rows


def write_corpus(rows: Iterable[Mapping], path: Path) -> None:
    """Write rows as JSON lines."""
    lines = (json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    Path(path).write_text("".join(lines), encoding="utf-8")


def read_corpus(
    path: Path, columns: Mapping[str, str] | None = None, n: int | None = None
) -> list[dict]:
    """Read a corpus, or its first `n` rows, from .jsonl, .json, .csv, .tsv or .parquet.

    `columns` maps question, reasoning and response to the file's column names (default: the same
    names), e.g. ``{"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}``.
    """
    path = Path(path)
    return _traces(CorpusSource(path.stem, "traces", path=path, n=n), columns)


def read_traces(settings: Mapping, path: Path | None) -> list[dict]:
    """Read the rows to fine-tune on from the configuration of a corpus (a dict) and its file."""
    columns = {name: settings[name] for name in COLUMNS}
    return _traces(source_of({**settings, "compare": tuple(COLUMNS)}, path), columns)


def _traces(source: CorpusSource, columns: Mapping[str, str] | None) -> list[dict]:
    names = COLUMNS | dict(columns or {})
    if unknown := set(names) - set(COLUMNS):
        raise ThinkscaleError(
            f"Corpus column mapping has {sorted(unknown)}; expected only {sorted(COLUMNS)}."
        )
    found = []
    for number, record in islice(rows(source, [*names.values(), "ended"]), source.n):
        where = f"{source.where}, row {number}"
        if missing := [name for name in names.values() if name not in record]:
            raise ThinkscaleError(
                f"Corpus {where} lacks the column(s) {missing}; it has {list(record)}."
            )
        row = {name: record[column] for name, column in names.items()}
        row["ended"] = record["ended"] if record.get("ended") is not None else "natural"
        validate_row(row, where)
        found.append(row)
    if source.n is not None and len(found) < source.n:
        raise too_few(source.where, source.n, len(found))
    return found


def validate_row(row: Mapping, where: str) -> None:
    """Raise a ThinkscaleError that names the place if a row is not as the module describes."""
    for column in ("question", "response"):
        if not isinstance(row.get(column), str):
            raise ThinkscaleError(
                f"{where}: {column} must be text, found {type(row.get(column)).__name__}."
            )
    if row.get("ended", "natural") not in ENDS:
        raise ThinkscaleError(f"{where}: ended is {row['ended']!r}; expected one of {ENDS}.")
    reasoning = row.get("reasoning")
    if isinstance(reasoning, str):
        return
    if not isinstance(reasoning, list):
        raise ThinkscaleError(
            f"{where}: reasoning must be text or a list of segments, "
            f"found {type(reasoning).__name__}."
        )
    for segment in reasoning:
        good = isinstance(segment, Mapping) and isinstance(segment.get("text"), str)
        if not good or segment.get("kind") not in KINDS:
            raise ThinkscaleError(
                f"{where}: a segment must have kind (one of {KINDS}) and text, found {segment!r}."
            )


def encode_row(tokenizer, row: Mapping, form: TraceFormat | None = None) -> Example:
    """The token ids of a row, built as budget forcing builds them: piece by piece.

    The prompt is the chat template with its generation prompt; the think start is appended where
    the template does not already end with it. No piece adds special tokens, so the only BOS is
    the template's.
    """
    form = form or TraceFormat()
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": row["question"]}], add_generation_prompt=True, tokenize=False
    )
    if not prompt.rstrip().endswith(form.think_start.rstrip()):
        prompt += form.think_start
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    prompt_tokens, mask = len(ids), [0] * len(ids)

    for text, loss in completion_pieces(row, form):
        piece = tokenizer.encode(text, add_special_tokens=False)
        ids += piece
        mask += [loss] * len(piece)
    if row.get("ended", "natural") != "open":
        ids.append(tokenizer.eos_token_id)
        mask.append(1)
    return Example(ids, mask, prompt_tokens)


def completion_pieces(row: Mapping, form: TraceFormat) -> list[tuple[str, int]]:
    """The strings after the prompt (EOS excepted) and whether each carries loss."""
    reasoning = row["reasoning"]
    if isinstance(reasoning, str):
        reasoning = [{"kind": "sampled", "text": reasoning}]
    pieces = [(s["text"], int(s["kind"] == "sampled")) for s in reasoning if s["text"]]
    ended, response = row.get("ended", "natural"), row["response"]
    thought = pieces[-1][0] if pieces else form.think_start
    newline = "" if thought.endswith("\n") else "\n"
    if ended == "natural":
        pieces += [(newline + form.think_end, 1), ("\n\n" + response, 1)]
    elif ended == "budget":
        pieces += [(newline + form.think_end, 0), (form.answer_prompt, 0)]
        said = response.removeprefix(form.answer_prompt.strip())
        pieces.append((said, 1))
    return pieces
