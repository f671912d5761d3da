"""Corpora against the items over tokenizers: divergence of their tokens, n-grams they share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tokenizers import Tokenizer

from thinkscale.corpora.encode import Encoded, encode, encoded, plain
from thinkscale.corpora.ngrams import ngrams, search
from thinkscale.corpora.sample import pool_size, sample
from thinkscale.corpora.source import CorpusSource, blocks
from thinkscale.data.hub import refusals
from thinkscale.errors import ThinkscaleError
from thinkscale.models.registry import tokenizer_digest
from thinkscale.stats import divergence, divergence_tokens, overlap, overlap_summary
from thinkscale.stats.core.distributions import Smoothing
from thinkscale.thinking.prompts import user_message

Pair = tuple[pd.DataFrame, pd.DataFrame]


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
        by_digest.setdefault(tokenizer_digest(record), _of_model(record, prompt))
    found = list(by_digest.values())
    return found + [NamedFile(o["name"], _file_of(o), prompts[0]) for o in others]


def chosen_file(
    name: str | None,
    records: Sequence[Mapping[str, Any]],
    prompts: Sequence[Mapping[str, Any]],
    others: Iterable[Mapping[str, Any]] = (),
) -> NamedFile:
    """The tokenizer of this name: a model's or another; None is the first model's."""
    for record, prompt in zip(records, prompts, strict=True):
        if name in (None, record["name"]):
            return _of_model(record, prompt)
    [other] = [other for other in others if other["name"] == name]
    return NamedFile(name, _file_of(other), prompts[0])


def open_tokenizer(file: NamedFile) -> Tokenizer:
    """Raises ThinkscaleError if the file is no tokenizer."""
    try:
        return plain(Tokenizer.from_file(str(file.path)))
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
    smoothing: Sequence[Smoothing],
    seed: int = 0,
    **options: Any,
) -> Pair:
    """Return the tables `divergence` and `divergence_tokens`.

    items: rows of items.parquet. smoothing: the table of tokens is of the first way. options: of
    `stats.divergence.tabulate`.
    """
    pairs = []
    for file in files:
        tokenizer, own = _asked(file, items, items_text)
        asked, size = own.documents, tokenizer.get_vocab_size()
        for source in corpora:
            corpus = sample(
                (block.documents for block in encoded(tokenizer, blocks(source))),
                size,
                longest=divergence.longest_window(asked),
                pool=pool_size(asked.tokens),
                seed=seed,
            )
            sides = {"corpus": corpus, "items": asked, "vocabulary_size": size}
            table = divergence.tabulate(**sides, smoothing=smoothing, seed=seed, **options)
            tokens = divergence_tokens.tabulate(
                **sides, smoothing=smoothing[0], decode=token_text(tokenizer)
            )
            pairs.append(_named((table, tokens), file, source, items_text))
    return _gathered(pairs)


def measure_overlap(
    file: NamedFile,
    items: Sequence[Mapping[str, Any]],
    corpora: Sequence[CorpusSource],
    *,
    n: int,
    items_text: str,
    confidence: float = 0.95,
) -> Pair:
    """Return the tables `overlap` and `overlap_summary`.

    items: rows of items.parquet; those of one cluster_id count as dependent.
    """
    tokenizer, asked = _asked(file, items, items_text)
    wanted = ngrams(asked, n)
    item_ids = [row["item_id"] for row in items]
    clusters = pd.Series([row.get("cluster_id") for row in items], item_ids, dtype=object)
    pairs = []
    for source in corpora:
        occurs = search(wanted, (block.texts for block in encoded(tokenizer, blocks(source))))
        table = overlap.tabulate(item_ids, wanted.per_item(), wanted.per_item(occurs), n=n)
        summary = overlap_summary.tabulate(table, clusters, confidence=confidence)
        pairs.append(_named((table, summary), file, source, items_text))
    return _gathered(pairs)


def _asked(
    file: NamedFile, items: Sequence[Mapping[str, Any]], items_text: str
) -> tuple[Tokenizer, Encoded]:
    """The tokenizer of a file, and the items by it."""
    tokenizer = open_tokenizer(file)
    return tokenizer, encode(tokenizer, [item_texts(i, items_text, file.prompt) for i in items])


def _named(tables: Pair, file: NamedFile, source: CorpusSource, items_text: str) -> Pair:
    """The tables with what was set against what in those of their columns that say so."""
    names = {"tokenizer": file.name, "corpus": source.name}
    names |= {"corpus_columns": source.counted, "items_text": items_text}
    return tuple(table.assign(**names)[table.columns] for table in tables)


def _gathered(pairs: Iterable[Pair]) -> Pair:
    """All first tables one below the other, and all second ones."""
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*pairs, strict=True))


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


def _of_model(record: Mapping[str, Any], prompt: Mapping[str, Any]) -> NamedFile:
    path = Path(record["directory"], "tokenizer.json")
    if not path.is_file():
        raise ThinkscaleError(
            f"model {record['name']}: {path} is missing; comparing corpora needs a fast tokenizer "
            "(transformers writes one with AutoTokenizer.from_pretrained(...).save_pretrained(...))"
        )
    return NamedFile(record["name"], path, prompt)


def _file_of(other: Mapping[str, Any]) -> Path:
    if other["path"] is not None:
        path = Path(other["path"])
        return path / "tokenizer.json" if path.is_dir() else path
    from huggingface_hub import hf_hub_download

    hub, revision, offline = other["hub"], other["revision"], other["offline"]
    what = f"tokenizer {other['name']}: tokenizer.json of {hub} at revision {revision}"
    where = {"file": "tokenizer.json", "offline": offline, "instead": ", or set `path`"}
    with refusals(what, hub, revision, **where):
        wanted = {"revision": revision, "local_files_only": offline}
        return Path(hf_hub_download(hub, "tokenizer.json", **wanted))
