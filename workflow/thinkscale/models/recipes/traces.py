"""Reasoning traces as tokens, and which of those carry loss.

A trace is a dict with
- `question`: the user's turn, text;
- `reasoning`: the thinking, text or a list of segments {kind: sampled | injected, text}; injected
  text was put in by budget forcing and carries no loss;
- `response`: what is written after the thinking, text;
- `ended` (optional): `natural` (default), `budget` (thinking was truncated: the end marker and the
  answer prompt were put in and carry no loss) or `open` (no end and no response).
"""

from collections.abc import Mapping
from dataclasses import dataclass


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


def encode_row(tokenizer, row: Mapping, form: TraceFormat | None = None) -> Example:
    """The token ids of a row, built as budget forcing builds them: piece by piece.

    The prompt is the chat template with its generation prompt; the think start is appended where
    the template does not already end with it. No piece adds special tokens, so the only BOS is
    the template's.
    """
    form = form or TraceFormat()
    prompt = prompt_of(tokenizer, row["question"], form)
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


def prompt_of(tokenizer, question: str, form: TraceFormat) -> str:
    """A question in the chat template, so that it opens thinking."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
    )
    opened = prompt.rstrip().endswith(form.think_start.rstrip())
    return prompt if opened else prompt + form.think_start


def thinking_pieces(row: Mapping, form: TraceFormat) -> list[str]:
    """The thinking's strings, of which the last ends in a newline."""
    reasoning = row["reasoning"]
    texts = [reasoning] if isinstance(reasoning, str) else [s["text"] for s in reasoning]
    pieces = [text for text in texts if text]
    ended = (pieces[-1] if pieces else form.think_start).endswith("\n")
    return pieces if ended else [*pieces, "\n"]


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
