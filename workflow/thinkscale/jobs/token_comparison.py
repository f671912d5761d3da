"""Corpora against the items over tokenizers: divergence of their tokens, n-grams they share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from thinkscale import stats
from thinkscale.corpora.encode import Encoder
from thinkscale.corpora.overlap import NgramSearch
from thinkscale.corpora.sample import TokenSample, pool_size
from thinkscale.corpora.source import CorpusSource, blocks
from thinkscale.corpora.stream import stream
from thinkscale.errors import ThinkscaleError
from thinkscale.models.registry import tokenizer_digest
from thinkscale.thinking.prompts import user_message


@dataclass(frozen=True)
class NamedFile:
    """A tokenizer.json, the name it has in tables, and how its model is asked (a `prompt`)."""

    name: str
    path: Path
    prompt: Mapping[str, Any]


def tokenizer_files(
    records: Sequence[Mapping[str, Any]],
    prompts: Sequence[Mapping[str, Any]],
    others: Iterable[Mapping[str, Any]] = (),
) -> list[NamedFile]:
    """The tokenizers of models, each once, under the name of the first that has it; then others.

    records, prompts: of the models. others: of `analyses.divergence.tokenizers`.
    """
    by_digest: dict[str, NamedFile] = {}
    for record, prompt in zip(records, prompts, strict=True):
        path = Path(record["directory"], "tokenizer.json")
        if not path.is_file():
            raise ThinkscaleError(
                f"model {record['name']}: {path} is missing; comparing corpora needs a fast "
                "tokenizer (transformers writes one with "
                "AutoTokenizer.from_pretrained(...).save_pretrained(...))"
            )
        by_digest.setdefault(tokenizer_digest(record), NamedFile(record["name"], path, prompt))
    found = list(by_digest.values())
    return found + [NamedFile(o["name"], _file_of(o), prompts[0]) for o in others]


def chosen_file(
    name: str | None,
    records: Sequence[Mapping[str, Any]],
    prompts: Sequence[Mapping[str, Any]],
    others: Iterable[Mapping[str, Any]] = (),
) -> NamedFile:
    """The tokenizer of this name: a model's or another; None is the first model's."""
    names = [record["name"] for record in records]
    if name is None or name in names:
        at = names.index(name) if name else 0
        return tokenizer_files(records[at : at + 1], prompts[at : at + 1])[0]
    [other] = [other for other in others if other["name"] == name]
    return NamedFile(name, _file_of(other), prompts[0])


def open_tokenizer(file: NamedFile) -> Encoder:
    """Raises ThinkscaleError if the file is no tokenizer."""
    try:
        return Encoder(Tokenizer.from_file(str(file.path)))
    except Exception as error:  # the library raises nothing narrower
        raise ThinkscaleError(
            f"tokenizer {file.name}: {file.path} is no tokenizer.json ({error})"
        ) from error


def item_texts(item: Mapping[str, Any], items_text: str, prompt: Mapping[str, Any]) -> list[str]:
    """The texts of an item that count: `items_text` of the configuration says which."""
    if items_text == "prompt":
        form = {key: prompt[key] for key in ("template", "option", "separator")}
        return [user_message(item, **form)]
    options = [option["text"] for option in item["options"]]
    return [item["stem"], *(options if items_text == "stem_and_options" else [])]


def compare_tokens(
    files: Sequence[NamedFile],
    items: Sequence[Mapping[str, Any]],
    corpora: Sequence[CorpusSource],
    *,
    items_text: str,
    smoothing: Sequence[stats.Smoothing],
    threads: int | None = None,
    **options: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `divergence` and `divergence_tokens`.

    items: rows of items.parquet. smoothing: the table of tokens is of the first way. threads:
    default, as many as there are cores. options: of `stats.divergence`.
    """
    tables, contributions = [], []
    for file in files:
        encoder = open_tokenizer(file)
        size = encoder.vocabulary_size
        texts, item = _encoded_items(encoder, items, items_text, file.prompt)
        lengths = np.bincount(item, weights=texts.lengths, minlength=len(items)).astype(int)
        asked = stats.Documents(texts.ids, lengths)
        decode = token_text(encoder.tokenizer)
        for source in corpora:
            sample = TokenSample(
                size,
                longest=stats.piece_tokens(asked),
                pool=pool_size(asked.tokens),
                seed=options.get("seed", 0),
            )
            stream(blocks(source), encoder, sample.take, threads)
            corpus = sample.result()
            key = {
                "tokenizer": file.name,
                "corpus": source.name,
                "corpus_columns": source.counted,
                "items_text": items_text,
            }
            table = stats.divergence(
                corpus, asked, vocabulary_size=size, smoothing=smoothing, **options
            )
            tables.append(table.assign(**key))
            tokens = stats.divergence_tokens(
                corpus, asked, vocabulary_size=size, smoothing=smoothing[0], decode=decode
            )
            contributions.append(tokens.assign(**key))
    return _joined(tables, "divergence"), _joined(contributions, "divergence_tokens")


def measure_overlap(
    file: NamedFile,
    items: Sequence[Mapping[str, Any]],
    corpora: Sequence[CorpusSource],
    *,
    n: int,
    items_text: str,
    confidence: float = 0.95,
    threads: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `overlap` and `overlap_summary`.

    items: rows of items.parquet; those of one cluster_id count as dependent.
    """
    encoder = open_tokenizer(file)
    texts, item = _encoded_items(encoder, items, items_text, file.prompt)
    wanted = stats.ngrams(texts, item, len(items), n)
    item_ids = [row["item_id"] for row in items]
    clusters = pd.Series([row.get("cluster_id") for row in items], item_ids, dtype=object)
    tables, summaries = [], []
    for source in corpora:
        search = NgramSearch(wanted)
        stream(blocks(source), encoder, search.take, threads)
        key = {
            "tokenizer": file.name,
            "corpus": source.name,
            "corpus_columns": source.counted,
            "items_text": items_text,
        }
        table = stats.overlap(wanted, search.occurs, item_ids)
        tables.append(table.assign(**key))
        summary = stats.overlap_summary(table, clusters, confidence=confidence)
        summaries.append(summary.assign(**key))
    return _joined(tables, "overlap"), _joined(summaries, "overlap_summary")


def token_text(tokenizer: Tokenizer):
    """A function from a token's id to its text as it stands behind other text.

    By itself a first word would lose its space in some tokenizers. A token that is a part of a
    character only has its name in the vocabulary.
    """
    before = tokenizer.encode("a", add_special_tokens=False).ids
    prefix = tokenizer.decode(before, skip_special_tokens=False)

    def text(token: int) -> str:
        whole = tokenizer.decode([*before, token], skip_special_tokens=False)
        found = whole.removeprefix(prefix) if prefix else whole
        if "\N{REPLACEMENT CHARACTER}" in found or not found:
            return tokenizer.id_to_token(token) or f"<{token}>"
        return found

    return text


def _encoded_items(
    encoder: Encoder, items: Sequence[Mapping[str, Any]], items_text: str, prompt: Mapping[str, Any]
) -> tuple[stats.Documents, np.ndarray]:
    """Token ids of the items' texts, and the number of each text's item."""
    texts = [item_texts(item, items_text, prompt) for item in items]
    encoded = encoder.encode_texts([text for one in texts for text in one])
    number = np.repeat(np.arange(len(texts)), [len(one) for one in texts])
    return stats.Documents(encoded.ids, encoded.lengths), number


def _joined(tables: list[pd.DataFrame], name: str) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)[list(stats.COLUMNS[name])]


def _file_of(other: Mapping[str, Any]) -> Path:
    if other["path"] is not None:
        path = Path(other["path"])
        return path / "tokenizer.json" if path.is_dir() else path
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            hf_hub_download(
                other["hub"],
                "tokenizer.json",
                revision=other["revision"],
                local_files_only=other["offline"],
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ThinkscaleError(
            f"tokenizer {other['name']}: tokenizer.json of {other['hub']} at revision "
            f"{other['revision']} is not in the cache and could not be downloaded ({reason}); on a "
            f"machine that reaches the hub run `hf download {other['hub']} tokenizer.json "
            f"--revision {other['revision']}` and copy the cache here, or set `path`"
        ) from error
