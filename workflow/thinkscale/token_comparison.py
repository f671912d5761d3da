"""The tokens of corpora against those of the items, over every tokenizer of a study."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tokenizers import Tokenizer

from thinkscale import stats
from thinkscale.errors import ThinkscaleError
from thinkscale.registry import tokenizer_digest


def compare_tokens(
    records: Sequence[Mapping[str, Any]],
    asked: Sequence[Sequence[str]],
    corpora: Mapping[str, Sequence[str]],
    *,
    alpha: float,
    **options: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables `divergence` and `divergence_tokens`.

    records: of the models. asked: for each model, the items' texts as it is asked them. corpora:
    texts by name. alpha: additive smoothing. options: of `stats.divergence`. Models that share a
    tokenizer are compared once, under the name of the first.
    """
    tables, contributions = [], []
    for record, texts in _one_per_tokenizer(records, asked):
        tokenizer = _load(record)
        size = tokenizer.get_vocab_size()
        shown = {i: tokenizer.decode([i], skip_special_tokens=False) for i in range(size)}
        settings = {"vocabulary_size": size, "smoothing": stats.Smoothing(alpha=alpha)}
        items = _encode(tokenizer, texts)
        for name, documents in corpora.items():
            corpus = _encode(tokenizer, documents)
            key = {"tokenizer": record["name"], "corpus": name}
            tables.append(stats.divergence(corpus, items, **settings, **options).assign(**key))
            tokens = stats.divergence_tokens(corpus, items, **settings, decode=shown)
            contributions.append(tokens.assign(**key))
    return (
        pd.concat(tables, ignore_index=True)[list(stats.COLUMNS["divergence"])],
        pd.concat(contributions, ignore_index=True)[list(stats.COLUMNS["divergence_tokens"])],
    )


def _one_per_tokenizer(records: Sequence, asked: Sequence) -> Iterable[tuple[Any, Any]]:
    by_digest: dict[str, tuple] = {}
    for record, texts in zip(records, asked, strict=True):
        by_digest.setdefault(tokenizer_digest(record), (record, texts))
    return by_digest.values()


def _load(record: Mapping[str, Any]) -> Tokenizer:
    path = Path(record["directory"], "tokenizer.json")
    if not path.is_file():
        raise ThinkscaleError(
            f"model {record['name']}: {path} is missing; comparing corpora needs a fast tokenizer "
            "(transformers writes one with AutoTokenizer.from_pretrained(...).save_pretrained(...))"
        )
    return Tokenizer.from_file(str(path))


def _encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [e.ids for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
