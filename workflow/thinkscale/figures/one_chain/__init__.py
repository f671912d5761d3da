"""One real chain: what was thought once, and where each condition's answer was forked from it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.colors import same_color
from matplotlib.figure import Figure

from thinkscale.data import contracts
from thinkscale.figures.core import Frame, Look, Style, frames, layout
from thinkscale.figures.core.style import OKABE_ITO
from thinkscale.figures.core.text import characters, fold, plural, short_names, visible
from thinkscale.figures.one_chain import ladder, ribbon
from thinkscale.figures.one_chain.thought import KEY, Thought, the_key, the_thought

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


def rows(paths: Iterable[str], models: Sequence[str]) -> dict[str, list]:
    """By column, the values of the rows that are drawn, found in few columns of the files.

    paths: of the frames by contract. models: the study's, in order. Nothing where none is drawn.
    """
    at = {Path(path).stem: path for path in paths}
    chains = contracts.read(at["chains"], "chains", KEY)
    few = [*KEY, "condition", "think_tokens"]
    natural = contracts.read(at["responses"], "responses", few, {"condition": ["natural"]})
    thinking = [model for model in models if model in set(chains["model"])]
    keys = [the_key(chains, natural, model) for model in thinking[:1]]
    return {} if not keys or keys[0].empty else keys[0].to_dict("list")


@layout.figure
def draw(
    chains: Frame,
    responses: Frame,
    graded: Frame,
    items: Frame = None,
    record: Mapping[str, Any] | None = None,
    *,
    look: Look,
) -> Figure:
    """The chain of median natural length of the first model, with every fork of the sweep.

    Above, a bar for what was thought, to the scale of tokens, and a row for each place where
    answers were forked; below, the thinking itself as text, token by token, whole if it is short
    and else around the forks. `record` is that model's: its tokenizer reads the tokens, and without
    it there is no text.
    """
    for frame in (chains, responses, graded):
        frames.some(frame, "no chains were thought")
    frames.require(chains, ["continuation", "segments", "natural_end"], "chains")
    needed = ["condition", "think_tokens", "forced_end_tokens", "stop", "answer_from", "no_think"]
    frames.require(responses, needed, "responses")
    frames.require(graded, ["extracted", "outcome"], "graded")
    look = look.over(responses)
    thinking = [model for model in look.models if model in set(chains["model"])]
    thought = the_thought(chains, responses, graded, (thinking or look.models)[0])
    if thought is None:
        raise frames.NoData("the first model has no chain")
    if not thought.forks:
        raise frames.NoData("no response of the chain was graded")
    texts = None
    if record is not None:
        texts = token_reader(Path(record["directory"], "tokenizer.json"))
    return _draw(thought, items, texts, look)


def _draw(thought: Thought, items: Frame, texts: Texts | None, look: Look) -> Figure:
    style, own = look.style, look.lines[thought.model].colour
    # Not from the palette, which is for models and may be short or all of one hue.
    injected = _AMBER if not same_color(own, _AMBER) else _VERMILION
    colours = {"sampled": own, "injected": injected, "forced": style.ink}
    read = {name: texts(ids) for name, ids in thought.ids.items()} if texts else None
    text = ribbon.set_ribbon(thought, read, 72 * style.wide - 2 * _EDGE, style) if read else None

    about = _about(thought, items, style)
    bars = len(ladder.bar_labels(thought, style))
    rows = 1.75 * style.font_size * (bars + len(thought.forks) + 0.7)
    heights = [rows + (10.5 + 1.3 * about.count("\n")) * style.small]
    heights += [text.height + 3.5 * style.small] if text else []
    high = (sum(heights) + 3 * style.font_size) / 72
    figure = layout.constrained(style.wide, high, style, w_pad=_EDGE / 72, h_pad=_EDGE / 72)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    left = {"x": _EDGE / 72 / style.wide, "ha": "left"}
    title = short_names(look.models, style)[thought.model]
    figure.suptitle(title, fontsize=style.font_size, weight="bold", color=own, **left)
    parts[0].suptitle(about, fontsize=style.small, linespacing=1.2, **left)
    layout.legend(parts[0], {}, look, ladder.handles_of(thought, colours, style), "lower")
    ladder.draw_ladder(parts[0].subplots(), thought, colours, style)
    if text:
        around = "" if text.whole else " around each fork"
        how = {"fontsize": style.small, "weight": "bold", **left}
        parts[1].suptitle(f"The thinking itself{around}, token by token", **how)
        ribbon.draw_ribbon(parts[1].subplots(), text, colours, style)
    layout.note(figure, _note(text), style)
    return figure


def _about(thought: Thought, items: Frame, style: Style) -> str:
    """Which item this is and how long it was thought about; then the question, cut to a line."""
    room = characters(0.97 * style.wide, style.small)
    words = [f"item {visible(thought.item_id, limit=40, style=style)}, sample {thought.sample}"]
    asked = ""
    if items is not None:
        for item in items[items["item_id"] == thought.item_id].itertuples():
            key = item.key if isinstance(item.key, str) else item.answer_text
            if isinstance(key, str):
                words.append(f"right answer {visible(key, limit=40, style=style)}")
            asked = "\nasked: " + _start_of(item.stem, room, style)
    how = "ended by itself" if thought.ended else "cut by the context"
    words.append(f"thinking {how} after {plural(thought.natural, 'token')}")
    answers = sum(len(fork.names) for fork in thought.forks)
    words.append(f"{plural(answers, 'condition')}, thought once")
    return fold("; ".join(words), room) + asked


def _start_of(text: str, room: int, style: Style) -> str:
    """As much of the text as fits into `room` characters, with an ellipsis if that is not all."""
    whole = list(accumulate((ribbon.token_text(c, style) for c in text[:room]), initial=""))
    fitting = [shown for shown in whole if len(shown) < room - 8]
    return fitting[-1] if len(fitting) > len(text) else fitting[-1] + "…"


def _note(text: ribbon.Ribbon | None) -> str:
    words = "thin: what an answer saw of the chain, shared and not thought again; "
    words += "thick: what was written for it alone"
    if text is None:
        words += "; no text: the model has no tokenizer.json"
    elif text.unseen:
        words += f"; {plural(text.unseen, 'fork')} not shown as text"
    return words
