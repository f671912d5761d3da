"""From an item to token ids, and from marker strings to what budget forcing puts in."""

from collections.abc import Mapping, Sequence
from typing import Any

from thinkscale.budget import Forcing
from thinkscale.engines.base import Ids

# Enough for any newline: no tokenizer spreads one over more tokens than this.
_TAIL = 8


def user_message(item: Mapping[str, Any], template: str, option: str, separator: str) -> str:
    """Fill an item's stem and options into the prompt's template."""
    options = separator.join(
        option.format(label=choice["label"], text=choice["text"]) for choice in item["options"]
    )
    return template.format(stem=item["stem"], options=options)


def render(tokenizer, message: str, *, system: str | None = None, start: str = "<think>\n") -> str:
    """Apply the chat template with its generation prompt and make sure thinking is open.

    A tokenizer without a chat template gets the message as it is.
    """
    if tokenizer.chat_template is None:
        text = "\n\n".join(part for part in (system, message) if part) + "\n"
    else:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": message})
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text if text.rstrip().endswith(start.rstrip()) else text + start


def encode_prompt(tokenizer, text: str) -> Ids:
    """Encode rendered text with exactly one BOS, if the tokenizer begins its texts with one."""
    ids = encode(tokenizer, text)
    bos = tokenizer.bos_token_id
    begins_with_bos = bos is not None and tokenizer("").input_ids[:1] == [bos]
    return (bos, *ids) if begins_with_bos and ids[:1] != (bos,) else ids


def encode(tokenizer, text: str) -> Ids:
    """Encode a piece of text by itself; a BOS inside a trace would be a new beginning."""
    return tuple(tokenizer(text, add_special_tokens=False).input_ids)


def forcing(
    tokenizer,
    *,
    end: Sequence[str],
    answer_prompt: str,
    continuations: Sequence[str],
    max_answer: int,
    max_swaps: int,
) -> Forcing:
    """Encode the strings of budget forcing for one tokenizer."""
    return Forcing(
        think_end=tuple(encode(tokenizer, marker) for marker in end),
        newline=encode(tokenizer, "\n"),
        answer_prompt=encode(tokenizer, answer_prompt),
        continuations={text: encode(tokenizer, text) for text in continuations},
        ends_in_newline=lambda ids: tokenizer.decode(ids[-_TAIL:]).endswith("\n"),
        max_answer=max_answer,
        max_swaps=max_swaps,
    )
