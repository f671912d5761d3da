"""Searches about one item, drawn: every step with its score, what was given up, what was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, frames, layout
from thinkscale.figures.core.frames import NoData
from thinkscale.figures.core.text import characters, short_names, visible

MOST_SEARCHES = 3
MOST_ROWS = 32  # of a tree, where a smaller size of the strategy has fewer
ROW = 0.14  # inches
TALLEST = 9.0  # inches of a tree; beyond, its rows are too close for text
_KEYS = ["model", "item_id", "search", "n"]
_COLOURS = "viridis"
_FADED = 0.4
_BEHIND = 0.6  # columns for the answers


@dataclass(frozen=True)
class _Drawn:
    """A tree and where it stands. nodes: by number; depth, row: of each, the root's being 0 and in
    the middle. ends: what is written behind a node at which a candidate ended."""

    nodes: pd.DataFrame
    depth: np.ndarray
    row: np.ndarray
    ends: Mapping[int, str]
    chosen: frozenset[int]

    @property
    def rows(self) -> int:
        return int(self.row.max()) + 1


@layout.figure
def draw(nodes: Frame, ballots: Frame = None, searches: Frame = None, *, look: Look) -> Figure:
    """A tree for each of up to three kinds of search, all about one item.

    The item is the first of those of a model about which most of these searches are right while a
    majority of samples is most often wrong, and each search is drawn at its largest size that has
    a legible tree. A step stands on the line that ends in its node, whose colour is the score;
    what no candidate goes through is faded; behind what ended stands its answer; the thick lines
    lead to what was chosen.
    """
    nodes = frames.require(
        frames.some(nodes, "no search went step by step"),
        [*_KEYS, "node", "parent", "draws", "text", "score", "candidates"],
        "nodes",
    )
    ballots = frames.require(frames.some(ballots, "no candidate"), [*_KEYS, "chosen"], "ballots")
    look, style = look.over(nodes), look.style
    model, item, names, vote = _picked(nodes, frames.some(searches, "no search"), look)
    own, found = (
        frame[(frame["model"] == model) & (frame["item_id"] == item)] for frame in (nodes, searches)
    )
    found = found.drop_duplicates(["strategy", "n"]).set_index(["strategy", "n"])
    trees = {name: _legible(own[own["search"] == name], ballots) for name in names}
    scores = own["score"].dropna()
    bounded = scores.empty or (scores.min() >= 0 and scores.max() <= 1)
    scale = ScalarMappable(Normalize(*((0, 1) if bounded else (scores.min(), scores.max()))))
    scale.set_cmap(colormaps[_COLOURS])
    heights = [np.clip(ROW * t.rows, 4 * ROW, TALLEST) + 0.25 for _, t in trees.values()]
    figure = layout.constrained(style.wide, sum(heights) + 0.9, style, w_pad=0.05, h_pad=0.04)
    axes = figure.subplots(len(trees), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (name, (n, tree)) in zip(axes, trees.items(), strict=True):
        _draw_tree(ax, tree, scale, look)
        right = found.loc[(name, n), "correct"]
        said = "right" if right == 1 else "wrong" if right == 0 else f"right in {right:.0%} of ties"
        all_steps = own[(own["search"] == name) & (own["n"] == n)]["candidates"].map(len)
        given_up = (all_steps == 0).sum()
        detail = f"n = {n}; {len(all_steps)} steps, {given_up} given up; its answer is {said}"
        layout.heading(ax, name, detail, style.ink, style)
    bar = figure.colorbar(scale, ax=list(axes), fraction=0.02, pad=0.01, aspect=40)
    bar.set_label("score", fontsize=style.small)
    bar.outline.set_visible(False)
    kept, thin = Line(style.ink, "o"), {"linewidth": 0.8}
    handles = [
        kept.handle("chosen", linewidth=2.2),
        kept.handle("candidate", **thin),
        kept.handle("given up", alpha=_FADED, **thin),
        Line(style.muted, "o").handle("not judged", markerfacecolor="white", **thin),
    ]
    layout.legend(figure, {}, look, handles)
    shown = short_names(look.models, style)[model]
    text = f"item {visible(item, limit=40, style=style)}, {shown}, picked for what search gains"
    text += "" if vote is None else f" (a majority of samples is right in {vote:.0%} of draws)"
    text += "; × 2: a step that was drawn twice"
    layout.note(figure, text, style)
    return figure


def _picked(
    nodes: pd.DataFrame, searches: pd.DataFrame, look: Look
) -> tuple[str, str, list[str], float | None]:
    """(model, item, names of the searches to draw, how often a majority is right about it)."""
    needed = ["model", "item_id", "strategy", "approach", "n", "correct", "excluded"]
    frames.require(searches, needed, "searches")
    searches = searches[~searches["excluded"]]
    trees = searches[searches["strategy"].isin(nodes["search"])]
    names = list(trees.drop_duplicates("approach")["strategy"][:MOST_SEARCHES])
    if not names:
        raise NoData("no search went step by step")
    keys = ["model", "item_id"]
    mean = trees[trees["strategy"].isin(names)].groupby(keys, sort=False)["correct"].mean()
    vote = searches[searches["approach"] == "majority"]
    vote = vote[vote["n"] == vote["n"].max()].set_index(keys)["correct"]
    # Nothing grows where a prompt did not fit.
    mean = mean[mean.index.isin(nodes.set_index(keys).index)]
    model = next(iter(look.among(nodes)))
    item = (mean - vote.reindex(mean.index).fillna(0))[model].idxmax()
    return model, item, names, vote.get((model, item))


def _legible(own: pd.DataFrame, ballots: pd.DataFrame) -> tuple[int, _Drawn]:
    """The largest size whose tree is not too high, or the smallest there is, and that tree."""
    trees = {
        n: _placed(tree, ballots.merge(tree[_KEYS].drop_duplicates(), on=_KEYS))
        for n, tree in own.groupby("n")
    }
    if not trees:
        raise NoData("a search drew nothing about this item")
    fitting = [n for n, tree in trees.items() if tree.rows <= MOST_ROWS]
    n = max(fitting, default=min(trees))
    return int(n), trees[n]


def _placed(nodes: pd.DataFrame, ballots: pd.DataFrame) -> _Drawn:
    """Leaves one below another in the order in which branches began, parents amid their children.

    networkx lays no tree out like this without graphviz, which is no package of Python.
    """
    nodes = _joined(nodes.sort_values("node"))
    parent = nodes["parent"].fillna(-1).to_numpy(int) + 1  # the root comes first
    children: dict[int, list[int]] = {place: [] for place in range(len(nodes) + 1)}
    depth, row = np.zeros(len(nodes) + 1, int), np.zeros(len(nodes) + 1)
    for place, above in enumerate(parent, 1):
        children[above].append(place)
        depth[place] = depth[above] + 1
    left, leaves = [0], 0
    while left:
        place = left.pop()
        left += reversed(children[place])
        if not children[place]:
            row[place], leaves = leaves, leaves + 1
    for place in reversed(range(len(nodes) + 1)):  # children come behind their parents
        if below := children[place]:
            row[place] = (row[below[0]] + row[below[-1]]) / 2
    members = list(enumerate(nodes["candidates"], 1))
    last = {candidate: place for place, own in members for candidate in own}
    facts = ballots.set_index("candidate")
    ends: dict[int, dict[str, None]] = {}
    for candidate, place in last.items():
        ballot, right = facts.loc[candidate, ["ballot", "correct"]]
        tick = "✓" if right else "✗"
        words = "no answer" if pd.isna(ballot) else f"{visible(ballot, limit=12)} {tick}"
        ends.setdefault(place, {})[words] = None
    chosen = {*facts.index[facts["chosen"]]}
    through = {place for place, own in members if chosen & {*own}}
    said = {place: ", ".join(words) for place, words in ends.items()}
    return _Drawn(nodes, depth, row, said, frozenset(through))


def _joined(nodes: pd.DataFrame) -> pd.DataFrame:
    """Steps that were not judged and led to one step alone become one with it; numbered anew."""
    rows = nodes.set_index("node").to_dict("index")
    children = nodes["parent"].value_counts()
    for row in rows.values():
        above = rows.get(row["parent"])
        if above is None or children[row["parent"]] > 1 or not np.isnan(above["score"]):
            continue
        if above["candidates"] == row["candidates"]:
            row["text"] = above["text"].rstrip() + " " + row["text"]
            row["parent"], above["parent"] = above["parent"], "joined"
    kept = {node: row for node, row in rows.items() if row["parent"] != "joined"}
    number = {node: place for place, node in enumerate(kept)}
    made = pd.DataFrame(kept.values())
    return made.assign(parent=made["parent"].map(number).astype("Int64"))


def _draw_tree(ax: Axes, tree: _Drawn, scale: ScalarMappable, look: Look) -> None:
    style, parent = look.style, tree.nodes["parent"].fillna(-1).to_numpy(int) + 1
    depth, size = int(tree.depth.max()), 0.85 * look.style.small
    room = int(0.85 * characters(0.86 * style.wide / (depth + _BEHIND), size)) - 1
    legible = ROW * tree.rows <= TALLEST
    ax.scatter([0], [tree.row[0]], s=10, color=style.ink)
    for place, node in enumerate(tree.nodes.itertuples(index=False), 1):
        (x, y), (before, above) = ((tree.depth[p], tree.row[p]) for p in (place, parent[place - 1]))
        chosen, kept = place in tree.chosen, len(node.candidates) > 0
        fade = 1.0 if kept else _FADED
        order = 3 if chosen else 2 if kept else 1
        ax.plot(
            [before, before, x], [above, y, y], color=style.ink if kept else style.muted,
            alpha=fade, linewidth=2.2 if chosen else 0.8, zorder=order, solid_joinstyle="round",
        )  # fmt: skip
        judged = not np.isnan(node.score)
        ax.scatter(
            [x], [y], s=26 if judged else 12, zorder=4, alpha=fade, linewidth=0.6,
            color=scale.to_rgba(node.score) if judged else "white",
            edgecolor=style.ink if kept else style.muted,
        )  # fmt: skip
        times = f" ×{node.draws}" if node.draws > 1 else ""
        left = room - len(times)
        if legible and left > 3:
            step = visible(node.text.strip(), limit=left, style=style) + times
            layout.label(ax, step, (before, y), (4, 2), style, alpha=max(fade, 0.6), fontsize=size,
                         color=style.ink if kept else style.muted, zorder=5)  # fmt: skip
        if legible and place in tree.ends:
            # Under a node from which others thought on, so that no line goes through it.
            where = {"ha": "center", "va": "top"} if place in parent else {"va": "center"}
            offset = (0, -5) if place in parent else (5, 0)
            weight = "bold" if chosen else "normal"
            layout.label(ax, tree.ends[place], (x, y), offset, style, fontweight=weight, **where)
    ax.set(xlim=(-0.1, depth + _BEHIND), ylim=(tree.rows - 0.4, -0.9))
    ax.set_axis_off()
