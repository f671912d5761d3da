"""Divergences between two token distributions, and how counts become distributions."""

from dataclasses import dataclass

import numpy as np

from thinkscale.errors import ThinkscaleError

LN2 = float(np.log(2))


def divergences(p: np.ndarray, q: np.ndarray, unseen: tuple | None = None) -> np.ndarray:
    """KL(P|Q), KL(Q|P), JS and its root, in nats, shape (..., 4), of p and q over the last axis.

    Probabilities are positive. `unseen` = (number, p of each, q of each) adds tokens that occur
    on neither side, without holding a column for each of them.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(p / q)
        m = (p + q) / 2
        kl = (p * ratio).sum(axis=-1)
        lk = -(q * ratio).sum(axis=-1)
        js = (p * np.log(p / m) + q * np.log(q / m)).sum(axis=-1) / 2
        if unseen is not None and unseen[0]:
            number, a, b = unseen
            middle = (a + b) / 2
            kl = kl + number * a * np.log(a / b)
            lk = lk + number * b * np.log(b / a)
            js = js + number * (a * np.log(a / middle) + b * np.log(b / middle)) / 2
    js = np.clip(js, 0, LN2)  # rounding may leave these by 1e-16
    return np.stack([np.maximum(kl, 0), np.maximum(lk, 0), js, np.sqrt(js)], axis=-1)


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
        for key, known in (
            ("kind", ("additive", "floor")),
            ("support", ("observed", "vocabulary")),
        ):
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

    def probabilities(self, counts: np.ndarray, unseen: int) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (..., seen), and that of each of the `unseen` tokens, shape (...)."""
        total = counts.sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.kind == "floor":
                p = np.where(counts > 0, counts / total, self.floor)
                return p / p.sum(axis=-1, keepdims=True), np.zeros(counts.shape[:-1])
            whole = total + self.alpha * (counts.shape[-1] + unseen)
            return (counts + self.alpha) / whole, (self.alpha / whole)[..., 0]

    def unseen(self, seen: int, vocabulary_size: int) -> int:
        """Number of tokens that occur on neither side and still get a share."""
        spread = self.kind == "additive" and self.support == "vocabulary"
        return vocabulary_size - seen if spread else 0
