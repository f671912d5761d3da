"""Which chain is drawn, its pieces, and the forks of its conditions: frames in, plain data out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from thinkscale.figures.core.style import Style

KEY = ["model", "item_id", "sample"]


@dataclass(frozen=True)
class Piece:
    """A segment's place in its chain, in tokens; `ended` where thinking ended there by itself."""

    kind: str
    start: int
    stop: int
    ended: bool


@dataclass(frozen=True)
class Branch:
    """What follows the first natural end under one continuation."""

    name: str | None
    pieces: tuple[Piece, ...]

    @property
    def end(self) -> int:
        return self.pieces[-1].stop


@dataclass(frozen=True)
class Fork:
    """Conditions whose answer was forked at the same place in the same way, and that answer.

    branch: the continuation it lies behind; None up to the first natural end.
    at, forced, said: tokens of thinking seen, of the end put in, of the answer.
    """

    names: tuple[str, ...]
    branch: str | None
    at: int
    stop: str
    forced: int
    said: int
    answer: str
    extracted: str | None
    outcome: str

    @property
    def end(self) -> int:
        return self.at + self.forced + self.said


@dataclass(frozen=True)
class Thought:
    """All that was thought about one item in one sample: a trunk, its branches, the forks.

    ids: token ids of the trunk (under None) and of each branch behind it (under its name).
    """

    model: str
    item_id: str
    sample: int
    trunk: tuple[Piece, ...]
    branches: tuple[Branch, ...]
    forks: tuple[Fork, ...]
    ids: Mapping[str | None, Sequence[int]]

    @property
    def natural(self) -> int:
        return self.trunk[-1].stop

    @property
    def ended(self) -> bool:
        return self.trunk[-1].ended


def the_key(chains: pd.DataFrame, responses: pd.DataFrame, model: str) -> pd.DataFrame:
    """The key of the model's chain of median natural length, in a row; no row where it has none.

    With an even number of chains the lower of the two middle lengths counts as the median.
    """
    natural = responses[(responses["condition"] == "natural") & (responses["model"] == model)]
    natural = natural.merge(chains[KEY].drop_duplicates(), on=KEY)
    lengths = natural["think_tokens"]
    return natural.loc[lengths == lengths.quantile(0.5, interpolation="lower"), KEY].head(1)


def the_thought(
    chains: pd.DataFrame, responses: pd.DataFrame, graded: pd.DataFrame, model: str
) -> Thought | None:
    """The model's chain of median natural length, the first of those in study order.

    Answers without thinking are not forked from it, and where nothing was asked there is no fork.
    None where no natural response of the model has a chain.
    """
    key = the_key(chains, responses, model)
    if key.empty:
        return None
    trunk: tuple[Piece, ...] = ()
    branches, ids = [], {}
    for chain in chains.merge(key, on=KEY).itertuples():
        pieces, start = [], 0
        for index, segment in enumerate(chain.segments):
            stop = start + len(segment["token_ids"])
            last = index == len(chain.segments) - 1
            # Whatever is put in was put in at a natural end.
            ended = segment["kind"] == "sampled" and (bool(chain.natural_end) if last else True)
            pieces.append(Piece(segment["kind"], start, stop, ended))
            start = stop
        flat = [token for segment in chain.segments for token in segment["token_ids"]]
        trunk = (pieces[0],)
        ids[None] = flat[: pieces[0].stop]
        if len(pieces) > 1:
            name = chain.continuation if isinstance(chain.continuation, str) else ""
            branches.append(Branch(name, tuple(pieces[1:])))
            ids[name] = flat[pieces[0].stop :]
    marks = graded.loc[graded["outcome"].notna(), [*KEY, "condition", "extracted", "outcome"]]
    forked = responses[(responses["answer_from"] != "none") & ~responses["no_think"].astype(bool)]
    answers = forked.merge(key, on=KEY).merge(marks, on=[*KEY, "condition"])
    forks = _forks(answers, trunk[-1].stop, [branch.name for branch in branches])
    item, sample = key["item_id"].item(), int(key["sample"].item())
    return Thought(model, item, sample, trunk, tuple(branches), forks, ids)


def _forks(answers: pd.DataFrame, natural: int, branches: Sequence[str]) -> tuple[Fork, ...]:
    """Forks by place along the trunk, then along each branch; equal ones are one."""
    merged: dict[Fork, tuple[str, ...]] = {}
    for row in answers.itertuples():
        behind = row.continuation if row.continuation in branches else next(iter(branches), None)
        fork = Fork(
            names=(),
            branch=behind if row.think_tokens > natural else None,
            at=int(row.think_tokens),
            stop=row.stop,
            forced=int(row.forced_end_tokens),
            said=int(row.answer_tokens),
            answer=str(row.answer_text),
            extracted=row.extracted if isinstance(row.extracted, str) else None,
            outcome=row.outcome,
        )
        merged[fork] = (*merged.get(fork, ()), row.condition)
    place = {None: 0} | {name: 1 + i for i, name in enumerate(branches)}
    forks = [replace(fork, names=names) for fork, names in merged.items()]
    return tuple(sorted(forks, key=lambda fork: (place[fork.branch], fork.at, fork.forced == 0)))


@lru_cache(maxsize=4096)
def width_of(text: str, style: Style) -> float:
    """Width of a line of small text in points."""
    font = FontProperties(family=style.font, size=style.small)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
