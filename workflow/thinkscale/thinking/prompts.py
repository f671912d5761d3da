"""From an item to token ids, and from marker strings to what budget forcing puts in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any, Literal

from jinja2 import TemplateError

from thinkscale.engines.base import Ids
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.budget import Forcing
from thinkscale.thinking.conditions import continuation_name

# Enough for any newline: no tokenizer spreads one over more tokens than this.
_TAIL = 8
# What may stand before and behind a marker and change its tokens: the first word of a text has a
# space of its own in SentencePiece, and ":\n" is one token in most byte-level BPEs.
_BEFORE = ("", "\n", ".")
_BEHIND = ("", "\n", "\n\n")

CHOICE_TEMPLATE = (
    "{stem}\n\n{options}\n\nChoose the best option. End with the line `Answer: ` and its letter."
)
FREE_TEMPLATE = "{stem}\n\nEnd with the line `Answer: ` and the answer."


@dataclass(frozen=True)
class Instruction:
    """How long to think, in words: `template` with the places {message}, the user's, and {length}.

    What it says is learned and obeyed as it is written, hence one form for both.
    """

    template: str
    length: str

    def within(self, message: str) -> str:
        """The user's message with the instruction."""
        return self.template.format(message=message, length=self.length)

    @property
    def words(self) -> tuple[str, ...]:
        """What it adds to a message, before and behind it."""
        pieces = self.template.split("{message}")
        return tuple(piece.format(length=self.length).strip() for piece in pieces)


def user_message(item: Mapping[str, Any], template: str | None, option: str, separator: str) -> str:
    """Fill an item's stem and options into the prompt's template.

    Without a template, an item with options is asked for a letter, one without for its answer. A
    template that hints has a place for its right answer, `answer`.
    """
    if template is None:
        template = CHOICE_TEMPLATE if len(item["options"]) else FREE_TEMPLATE
    options = separator.join(
        option.format(label=choice["label"], text=choice["text"]) for choice in item["options"]
    )
    return template.format(stem=item["stem"], options=options, answer=item.get("answer"))


def render(
    tokenizer,
    message: str,
    *,
    system: str | None = None,
    examples: Sequence[Mapping[str, str]] = (),
    system_role: Literal["system", "user"] = "system",
    start: str = "<think>\n",
    end: Sequence[str] = (),
    opening: str = "",
    template_options: Mapping[str, Any] | None = None,
) -> str:
    """Apply the chat template with its generation prompt and make sure that it ends in `start`.

    start: what opens thinking; `end` is what would close it. Or, to switch it off, what stands in
    its place; `opening` is then what the template may open thinking with, which is taken off.
    examples: earlier turns, each with the texts `user` and `assistant`. system_role: `user` puts
    the system text before the first user message.
    template_options: what the template reads besides the messages, as Qwen3's `enable_thinking`.
    A tokenizer without a chat template gets the texts as they are: a blank line between turns, and
    each answer on the line after its question.

    Raises ThinkscaleError where the template refuses the messages, or closes thinking.
    """
    if tokenizer.chat_template is None:
        turns = [f"{example['user']}\n{example['assistant']}" for example in examples]
        text = "\n\n".join(part for part in (system, *turns, message) if part) + "\n"
    else:
        turns = [example[role] for example in examples for role in ("user", "assistant")]
        turns.append(message)
        if system and system_role == "user":
            turns[0], system = f"{system}\n\n{turns[0]}", None
        text = _filled(tokenizer, system, turns, template_options or {})
        if start.strip() and text.rstrip().endswith(tuple(marker.strip() for marker in end)):
            raise ThinkscaleError(
                f"`inference.thinking.template_options`: found {template_options or {}}, with "
                "which the model's chat template switches thinking off; expected what leaves it "
                "on: answers without it are `conditions.no_think: true`"
            )
    if text.rstrip().endswith(start.rstrip()):
        return text
    if opening.strip() and text.rstrip().endswith(opening.rstrip()):
        text = text.rstrip().removesuffix(opening.rstrip())
    return text + start


def _filled(tokenizer, system: str | None, turns: Sequence[str], options: Mapping[str, Any]) -> str:
    """The chat template with a system message and the turns of user and assistant, in turn."""
    messages = [{"role": "system", "content": system}] if system else []
    for role, text in zip(cycle(("user", "assistant")), turns, strict=False):
        messages.append({"role": role, "content": text})
    try:
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **options
        )
    except TemplateError as error:
        refused = f"the model's chat template refuses it ({error})"
        if system and _takes(tokenizer, None, turns, options):
            raise ThinkscaleError(
                f"`inference.prompt.system`: {refused}; expected no system message, or "
                "`inference.prompt.system_role: user`, which puts it before the user's"
            ) from error
        if len(turns) > 1 and _takes(tokenizer, system, turns[-1:], options):
            raise ThinkscaleError(
                f"`inference.prompt.examples`: {refused}; expected none, or the examples written "
                "into `inference.prompt.template`"
            ) from error
        raise ThinkscaleError(f"`inference.prompt`: {refused}") from error


def _takes(tokenizer, *filling: Any) -> bool:
    """Whether the template can be filled with less."""
    try:
        return bool(_filled(tokenizer, *filling))
    except ThinkscaleError:
        return False


def encode_prompt(tokenizer, text: str) -> Ids:
    """Encode rendered text with exactly one BOS, if the tokenizer begins its texts with one."""
    ids = encode(tokenizer, text)
    bos = tokenizer.bos_token_id
    begins_with_bos = bos is not None and tokenizer("").input_ids[:1] == [bos]
    return (bos, *ids) if begins_with_bos and ids[:1] != (bos,) else ids


def encode(tokenizer, text: str) -> Ids:
    """Encode a piece of text by itself; a BOS inside a trace would be a new beginning."""
    return tuple(tokenizer(text, add_special_tokens=False).input_ids)


def spellings(tokenizer, markers: Sequence[str]) -> tuple[Ids, ...]:
    """The token sequences that say one of `markers` in running text.

    The first is the first marker by itself, the one to put in. The others are what the tokenizer
    makes of a marker behind and before other text. A sequence that begins with another is left out:
    the shorter one ends thinking before it.
    """
    found: dict[Ids, None] = {}
    for marker, before, behind in product(markers, _BEFORE, _BEHIND):
        context, whole = encode(tokenizer, before), encode(tokenizer, before + marker + behind)
        # Otherwise the marker's first character has become part of a token of the text before.
        if whole[: len(context)] == context:
            found[whole[len(context) :]] = None
    first, *others = found
    shadowed = {ids for ids in others if any(ids[:n] in found for n in range(1, len(ids)))}
    return (first, *(ids for ids in others if ids not in shadowed))


def step_ends(tokenizer, text: str, think_end: Sequence[Ids] = ()) -> tuple[Ids, ...]:
    """What ends a step: each token whose text ends in `text`; where there is none, its tokens.

    think_end: markers that end thinking. Raises ThinkscaleError where one of them has a step's end
    before its own, so that it would be cut in two and never heard, and for a text that the
    tokenizer has no token for.
    """
    special = set(tokenizer.all_special_ids)
    words = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    found = (i for i, word in enumerate(words) if word.endswith(text) and i not in special)
    ends = tuple((token,) for token in found) or (encode(tokenizer, text),)
    if not all(ends):
        raise ThinkscaleError(
            f"`inference.thinking.step_end`: found {text!r}, for which the model's tokenizer has "
            "no token; expected text that a model can write"
        )
    for marker in think_end:
        parts = (marker[begin:end] for end in range(1, len(marker)) for begin in range(end))
        if any(part in ends for part in parts):
            raise ThinkscaleError(
                f"`inference.thinking.step_end`: found {text!r}, which stands within the marker "
                f"{tokenizer.decode(marker)!r} that ends thinking; expected text that does not"
            )
    return ends


def forcing(
    tokenizer,
    *,
    end: Sequence[str],
    answer_prompt: str,
    continuations: Sequence[str],
    continuation_choice: Literal["each", "drawn"] = "each",
    max_answer: int,
    max_swaps: int,
    whole_turn: bool = False,
) -> Forcing:
    """Encode the strings of budget forcing for one tokenizer."""
    texts = {continuation_name(text): encode(tokenizer, text) for text in continuations}
    return Forcing(
        think_end=spellings(tokenizer, end),
        # A marker that begins with a newline brings its own.
        newline=() if end[0].startswith("\n") else encode(tokenizer, "\n"),
        answer_prompt=encode(tokenizer, answer_prompt),
        continuations={} if continuation_choice == "drawn" else texts,
        ends_in_newline=lambda ids: tokenizer.decode(ids[-_TAIL:]).endswith("\n"),
        max_answer=max_answer,
        max_swaps=max_swaps,
        drawn=tuple(texts.values()) if continuation_choice == "drawn" else (),
        whole_turn=whole_turn,
    )
