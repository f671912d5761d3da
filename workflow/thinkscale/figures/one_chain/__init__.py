"""One real chain: what was thought once, and where each condition's answer was forked from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from thinkscale.figures.core.layout import (
    empty_figure,
    finish,
    is_empty,
    model_order,
    require,
)
from thinkscale.figures.core.style import DEFAULT, OKABE_ITO, Style, apply
from thinkscale.figures.core.text import characters, fold, plural, short_names, visible
from thinkscale.figures.one_chain.ladder import (
    Look,
    bar_labels,
    bars_of,
    draw_ladder,
    handles_of,
    said_of,
)
from thinkscale.figures.one_chain.ribbon import (
    Ribbon,
    draw_ribbon,
    joined_names,
    set_ribbon,
    token_text,
)
from thinkscale.figures.one_chain.thought import Thought, the_thought, width_of

Texts = Callable[[Sequence[int]], list[str]]

_AMBER, _VERMILION = OKABE_ITO[5], OKABE_ITO[1]
_EDGE = 4.0  # points left free at the figure's sides


def token_reader(path: str | Path) -> Texts | None:
    """A function from token ids to one text per id, read from a tokenizer.json; None without it.

    An id whose bytes end inside a character gives "", and the id that completes it the character.
    """
    if not Path(path).is_file():
        return None
    from tokenizers import Tokenizer
    from tokenizers.decoders import DecodeStream

    tokenizer = Tokenizer.from_file(str(path))

    def texts(ids: Sequence[int]) -> list[str]:
        stream, found = DecodeStream(skip_special_tokens=False), []
        for token in map(int, ids):
            known = tokenizer.id_to_token(token) is not None
            found.append((stream.step(tokenizer, token) or "") if known else f"<{token}>")
        return found

    return texts


def one_chain(
    chains: pd.DataFrame | None,
    responses: pd.DataFrame | None,
    grades: pd.DataFrame | None,
    items: pd.DataFrame | None = None,
    *,
    texts: Texts | None = None,
    grader: str | None = None,
    models: Sequence[str] | None = None,
    style: Style = DEFAULT,
) -> Figure:
    """The chain of median natural length of the first model, with every fork of the sweep.

    Above, a bar for what was thought, to the scale of tokens, and a row for each place where
    answers were forked; below, the thinking itself as text, token by token, whole if it is short
    and else around the forks. `texts` turns token ids into one text per id (`token_reader`);
    without it there is no text. `grader` picks the grades; None takes the first grader's.
    """
    with apply(style):
        if any(is_empty(frame) for frame in (chains, responses, grades)):
            return empty_figure("no chains were thought", style)
        require(chains, ["continuation", "segments", "natural_end"], "chains")
        require(responses, ["condition", "think_tokens", "forced_end_tokens", "stop"], "responses")
        require(grades, ["grader", "extracted", "outcome"], "grades")
        order = model_order(responses, models)
        thought = the_thought(chains, responses, grades, order, grader)
        if thought is None:
            return empty_figure("the first model has no chain", style)
        if not thought.forks:
            return empty_figure("no response of the chain was graded", style)
        return finish(_draw(thought, items, texts, order, style))


def _draw(
    thought: Thought,
    items: pd.DataFrame | None,
    texts: Texts | None,
    models: Sequence[str],
    style: Style,
) -> Figure:
    own = style.colours(models)[thought.model]
    look = Look(
        sampled=own,
        # Not from the palette, which is for models and may be short or all of one hue.
        injected=_AMBER if not same_color(own, _AMBER) else _VERMILION,
        forced=style.ink,
        row=1.75 * style.font_size,
    )
    wide = 72 * style.wide - 2 * _EDGE
    size, small = style.font_size, style.small
    title = short_names(models, style)[thought.model]
    about = _about(thought, items, style)
    read = {name: texts(ids) for name, ids in thought.ids.items()} if texts else None
    ribbon = set_ribbon(thought, read, wide, style) if read else None
    note = fold(_note(ribbon), characters(0.97 * style.wide, small))

    handles = handles_of(thought, look, style)
    widths = [width_of(handle.get_label(), small, style) + 3.2 * small for handle in handles]
    columns = len(handles) if sum(widths) <= wide else max(1, int(wide // max(widths)))
    keys = -(-len(handles) // columns)

    head = 1.6 * size + 1.35 * small * (about.count("\n") + 1) + (0.5 + 1.7 * keys) * small
    ladder = look.row * (bars_of(thought) + len(thought.forks) + 0.7)
    axis = 3.6 * small + 4
    text = 2.4 * small + ribbon.height if ribbon else 0.0
    foot = 1.35 * small * (note.count("\n") + 1) + 4
    high = _EDGE + head + ladder + axis + text + foot

    figure = Figure(figsize=(style.wide, high / 72), dpi=style.dpi)

    def place(x: float, top: float, width: float, height: float) -> Axes:
        box = (x / (72 * style.wide), 1 - (top + height) / high)
        return figure.add_axes((*box, width / (72 * style.wide), height / high))

    def write(text: str, top: float, **how) -> None:
        how = {"va": "top", "fontsize": small, **how}
        figure.text(_EDGE / (72 * style.wide), 1 - top / high, text, **how)

    write(title, _EDGE, fontsize=size, weight="bold", color=look.sampled)
    write(about, _EDGE + 1.6 * size, linespacing=1.2)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(
            _EDGE / (72 * style.wide),
            1 - (_EDGE + head - (0.1 + 1.7 * keys) * small) / high,
        ),
        ncols=columns,
        handlelength=1.1,
        handletextpad=0.5,
        columnspacing=1.2,
    )
    names = [joined_names(fork, 0.28 * wide, style) for fork in thought.forks]
    labels = [*bar_labels(thought, style), *names]
    left = _EDGE + max(width_of(label, small, style) for label in labels) + 8
    room = _EDGE + wide - left
    longest = max(fork.end for fork in thought.forks)
    longest = max(longest, *(branch.end for branch in thought.branches), thought.natural, 1)
    said = [said_of(fork, style) for fork in thought.forks]
    # As wide as it can be with every answer's words still inside the figure.
    for fork, words in zip(thought.forks, said, strict=True):
        spare = wide + _EDGE - left - width_of(" ".join(words), small, style) - 16
        room = min(room, spare / max(fork.end / longest, 1e-9))
    ax = place(left, _EDGE + head, room, ladder)
    draw_ladder(ax, thought, labels, said, longest, look, style)
    if ribbon:
        top = _EDGE + head + ladder + axis
        write(_heading(ribbon), top, fontsize=small, weight="bold")
        canvas = place(_EDGE, top + 2.0 * small, wide, ribbon.height)
        draw_ribbon(canvas, ribbon, {"sampled": look.sampled, "injected": look.injected}, style)
    write(note, high - foot, color=style.muted, linespacing=1.2)
    return figure


def _about(thought: Thought, items: pd.DataFrame | None, style: Style) -> str:
    """Which item this is and how long it was thought about; then the question, cut to a line."""
    words = [f"item {visible(thought.item_id, limit=40, style=style)}, sample {thought.sample}"]
    asked = ""
    if items is not None:
        for item in items[items["item_id"] == thought.item_id].itertuples():
            key = item.key if isinstance(item.key, str) else item.answer_text
            if isinstance(key, str):
                words.append(f"right answer {visible(key, limit=40, style=style)}")
            asked = "\nasked: " + _start_of(
                item.stem, characters(0.97 * style.wide, style.small), style
            )
    how = "ended by itself" if thought.ended else "cut by the context"
    words.append(f"thinking {how} after {plural(thought.natural, 'token')}")
    answers = sum(len(fork.names) for fork in thought.forks)
    words.append(f"{plural(answers, 'condition')}, thought once")
    return fold("; ".join(words), characters(0.97 * style.wide, style.small)) + asked


def _start_of(text: str, room: int, style: Style) -> str:
    """As much of the text as fits into `room` characters, with an ellipsis if that is not all."""
    whole = list(accumulate((token_text(c, style) for c in text[:room]), initial=""))
    fitting = [shown for shown in whole if len(shown) < room - 8]
    return fitting[-1] if len(fitting) > len(text) else fitting[-1] + "…"


def _heading(ribbon: Ribbon) -> str:
    if ribbon.whole:
        return "The thinking itself, token by token"
    return "The thinking itself around each fork, token by token"


def _note(ribbon: Ribbon | None) -> str:
    words = "thin: what an answer saw of the chain, shared and not thought again; "
    words += "thick: what was written for it alone"
    if ribbon is None:
        words += "; no text: the model has no tokenizer.json"
    elif ribbon.unseen:
        words += f"; {plural(ribbon.unseen, 'fork')} not shown as text"
    return words
