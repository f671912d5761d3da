"""How counts of tokens become distributions, and the divergences between two of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from thinkscale.errors import ThinkscaleError

LN2 = float(np.log(2))


def _terms(p: np.ndarray, q: np.ndarray) -> Iterator[np.ndarray]:
    """Yield what tokens of probabilities p and q, above 0, add to KL(P|Q), KL(Q|P) and JS."""
    ratio, m = np.log(p / q), (p + q) / 2
    yield p * ratio
    yield -q * ratio
    yield (p * np.log(p / m) + q * np.log(q / m)) / 2


@dataclass(frozen=True)
class Smoothing:
    """How counts become positive probabilities.

    kind "additive" adds `alpha` to every count (0.5 is Krichevsky and Trofimov's); "floor" sets
    frequencies of 0 to `floor` and renormalises, which is what the first study did. `support` says
    what additive smoothing spreads over: the tokens "observed" on either side, or the whole
    "vocabulary", whose unseen tokens can outweigh a small corpus.
    """

    kind: str = "additive"
    alpha: float = 0.5
    floor: float = 1e-10
    support: str = "observed"

    def __post_init__(self) -> None:
        kinds, supports = ("additive", "floor"), ("observed", "vocabulary")
        for key, known in (("kind", kinds), ("support", supports)):
            if getattr(self, key) not in known:
                raise ThinkscaleError(
                    f"smoothing {key}: found {getattr(self, key)!r}; expected {' or '.join(known)}."
                )
        for key in ("alpha", "floor"):
            if not getattr(self, key) > 0:
                raise ThinkscaleError(
                    f"smoothing {key}: found {getattr(self, key)}; expected a number above 0."
                )

    @classmethod
    def of(cls, kind: str, value: float | None, support: str) -> "Smoothing":
        """From the configuration, where one key holds the value of either kind."""
        amount = {} if value is None else {"alpha" if kind == "additive" else "floor": value}
        return cls(kind=kind, support=support, **amount)

    def describe(self, seen: int, vocabulary_size: int) -> str:
        if self.kind == "floor":
            return f"frequencies of 0 set to {self.floor:g} and renormalised"
        if self.support == "observed":
            return f"additive {self.alpha:g} over the {seen} tokens seen"
        return f"additive {self.alpha:g} over the vocabulary of {vocabulary_size}"

    def unseen(self, seen: int, vocabulary_size: int) -> int:
        """Number of tokens that occur on neither side and still get a share."""
        spread = self.kind == "additive" and self.support == "vocabulary"
        return vocabulary_size - seen if spread else 0

    def probabilities(
        self, counts: np.ndarray, vocabulary_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (..., seen) of tokens, and that of each unseen one, shape (...)."""
        total = counts.sum(axis=-1, keepdims=True)
        seen = counts.shape[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.kind == "floor":
                p = np.where(counts > 0, counts / total, self.floor)
                return p / p.sum(axis=-1, keepdims=True), np.zeros(counts.shape[:-1])
            whole = total + self.alpha * (seen + self.unseen(seen, vocabulary_size))
            return (counts + self.alpha) / whole, (self.alpha / whole)[..., 0]

    def divergences(
        self, corpus: np.ndarray, items: np.ndarray, vocabulary_size: int
    ) -> np.ndarray:
        """KL(P|Q), KL(Q|P), JS and its root, in nats, shape (..., 4), of counts (..., seen).

        Tokens that occur on neither side are reckoned with without a column for each of them.
        """
        p, p_rest = self.probabilities(corpus, vocabulary_size)
        q, q_rest = self.probabilities(items, vocabulary_size)
        unseen = self.unseen(corpus.shape[-1], vocabulary_size)
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = [terms.sum(axis=-1) for terms in _terms(p, q)]
            if unseen:
                rest = _terms(p_rest, q_rest)
                sums = [seen + unseen * each for seen, each in zip(sums, rest, strict=True)]
        kl, lk, js = np.maximum(sums, 0)  # rounding may leave the bounds by 1e-16
        js = np.minimum(js, LN2)
        return np.stack([kl, lk, js, np.sqrt(js)], axis=-1)
