"""Two sides of documents that differ from one another, but by no more than within a side."""

import numpy as np

from simulated import Analysis, read
from thinkscale.data.tokens import Documents
from thinkscale.stats import divergence

VOCABULARY = 200
LAW = 1 / (np.arange(VOCABULARY) + 2.7)  # Zipf and Mandelbrot's


def study(rng, items, documents, corpus_length, concentration):
    sides = (
        (documents, corpus_length, 0.8 if corpus_length > 60 else 0.5),
        (items, 60, 0.5),
    )
    corpus, bank = (_documents(rng, concentration, *side) for side in sides)
    seed = int(rng.integers(2**31))
    table = divergence.tabulate(
        corpus, bank, vocabulary_size=VOCABULARY, n_permutations=99, seed=seed
    )
    for row in table.query("unit == 'nats'").to_dict("records"):
        if row["measure"] != "js_distance":  # its p is that of the divergence
            none = {"lower": np.nan, "upper": np.nan, "p": row["p"]}
            yield read(row["measure"], none, np.nan, null=True)


def _documents(rng, concentration, number, length, spread):
    """Documents of log-normal length, each with a law of its own, drawn from a Dirichlet law."""
    drawn = length * np.exp(rng.normal(-(spread**2) / 2, spread, number))
    lengths = np.maximum(1, np.round(drawn)).astype(int)
    laws = rng.dirichlet(concentration * LAW / LAW.sum(), number).cumsum(axis=1)
    where = [np.searchsorted(law[:-1], rng.random(n)) for law, n in zip(laws, lengths, strict=True)]
    return Documents(np.concatenate(where), lengths)


ANALYSIS = Analysis(
    study,
    [
        {"items": n, "documents": m, "corpus_length": length, "concentration": c}
        for c in (5, 50, 1000)
        for n, m, length in ((100, 100, 60), (100, 100, 150), (50, 200, 150), (200, 50, 150))
    ],
    "Documents over 200 tokens of Zipf's law, each with a law of its own around it (Dirichlet; the "
    "less `concentration`, the more they differ), of log-normal lengths about 60 tokens in items "
    "and `corpus_length` in the corpus. 99 permutations.",
    code=("data/tokens",),
)
