"""What a reward model with its own format is given: a question and the steps thought so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from thinkscale.engines.base import Ids
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.prompts import encode, encode_prompt


@dataclass(frozen=True)
class JudgedText:
    """A format of reward models.

    chat: `none`, question and steps are one text; `answer`, they are the user's and the
    assistant's turn; `turns`, each step is a turn of the user (the question stands before the
    first) to which the assistant says `right`. before: text between question and first step.
    behind: text behind each step, which is judged at its last token. between: text between a step,
    with what is behind it, and the next. pieces: question, steps and what is behind them are
    encoded each by itself.
    """

    chat: Literal["none", "answer", "turns"] = "none"
    system: str | None = None
    before: str = ""
    behind: str = ""
    between: str = ""
    pieces: bool = False
    right: str | None = None


def encode_judged(tokenizer, question: str, steps: Sequence[str], form: JudgedText) -> Ids:
    """Encode a question and what was thought; it is judged at its last token.

    Space around a step is left out and so is a step of nothing else. Raises ThinkscaleError if the
    chat template does not show what stands behind a step.
    """
    steps = [step.strip() for step in steps if step.strip()] or [""]
    if form.chat == "turns":
        first, *others = steps
        return _rendered(tokenizer, _in_turns([question + form.before + first, *others], form))
    parts = [text for step in steps for text in (form.between, step, form.behind)][1:]
    if form.chat == "answer":
        return _rendered(tokenizer, _as_answer(question, "".join(parts), form), form.behind.strip())
    if form.pieces:
        ids = encode_prompt(tokenizer, question + form.before)
        return ids + tuple(token for part in parts for token in encode(tokenizer, part))
    return encode_prompt(tokenizer, "".join((question, form.before, *parts)))


def _in_turns(turns: Sequence[str], form: JudgedText) -> list[dict[str, str]]:
    said = [pair for turn in turns for pair in (("assistant", form.right), ("user", turn))][1:]
    return _messages(form, said)


def _as_answer(question: str, answer: str, form: JudgedText) -> list[dict[str, str]]:
    return _messages(form, [("user", question + form.before), ("assistant", answer)])


def _messages(form: JudgedText, turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    system = [("system", form.system)] if form.system else []
    return [{"role": role, "content": content} for role, content in (*system, *turns)]


def _rendered(tokenizer, messages: list[dict[str, str]], mark: str = "") -> Ids:
    """Encode a chat up to its last mark, or up to where the assistant is to speak, or all of it."""
    asked = messages[-1]["role"] == "user"
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asked)
    if mark and mark not in text:
        raise ThinkscaleError(
            f"the scorer's chat template does not show the text {mark!r} that is put behind a "
            "step; expected it in the assistant's turn"
        )
    return encode_prompt(tokenizer, text[: text.rfind(mark) + len(mark)] if mark else text)
