"""What reward models are given, against how their authors' own code writes it."""

from itertools import pairwise

import pytest

import families
from thinkscale.config.presets.scorers import PRESETS
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.judged_text import JudgedText, encode_judged

QUESTION = "What is 2 + 2?"
STEPS = ["Two and two.\n\n", "\n\n", "So it is 4.\n\n"]


def form(preset: str) -> JudgedText:
    return JudgedText(**{k: v for k, v in PRESETS[preset].items() if k != "wrong"})


def said(preset: str, family: str, steps=STEPS, specials=()) -> str:
    words = families.tokenizer(family, specials)
    return words.decode(encode_judged(words, QUESTION, steps, form(preset)))


def test_math_shepherd_reads_a_tag_behind_each_line():
    expected = f"{QUESTION} Two and two. ки\nSo it is 4. ки"
    assert said("math-shepherd", "instruct").removeprefix(families.BOS) == expected


def test_rlhflow_reads_a_chat_in_which_steps_are_answered():
    words = families.tokenizer("instruct")
    chat = [
        {"role": "user", "content": f"{QUESTION} Two and two."},
        {"role": "assistant", "content": "+"},
        {"role": "user", "content": "So it is 4."},
        {"role": "assistant", "content": "+"},
    ]
    whole = words.apply_chat_template(chat, tokenize=False)
    found = said("rlhflow", "instruct")
    # Judged where the last "+" would be said.
    assert whole.startswith(found) and whole.removeprefix(found).startswith("+")


def test_qwen_reads_a_token_behind_each_step_of_the_answer():
    mark = "<extra_0>"
    words = families.tokenizer("s1", (mark,))
    chat = [
        {"role": "system", "content": form("qwen2.5-math-prm").system},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": f"Two and two.{mark}So it is 4.{mark}"},
    ]
    whole = words.apply_chat_template(chat, tokenize=False)
    found = said("qwen2.5-math-prm", "s1", specials=(mark,))
    assert whole.startswith(found) and whole.removeprefix(found).startswith("<|im_end|>")
    ids = encode_judged(words, QUESTION, STEPS, form("qwen2.5-math-prm"))
    assert ids[-1] == words.convert_tokens_to_ids(mark) and ids.count(ids[-1]) == 2


def test_trl_encodes_each_piece_by_itself():
    words = families.tokenizer("instruct")
    one = lambda text: words(text, add_special_tokens=False).input_ids  # noqa: E731
    ids = list(encode_judged(words, QUESTION, STEPS, form("trl")))
    pieces = [QUESTION, "Two and two.", "\n", "So it is 4.", "\n"]
    expected = [i for piece in pieces for i in one(piece)]
    assert ids[-len(expected) :] == expected
    assert expected != one("".join(pieces))


def test_an_outcome_model_reads_the_whole_chat():
    found = said("chat", "instruct")
    assert found.endswith("Two and two.So it is 4.<|eot_id|>")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_beginning_is_the_beginning_of_the_next_up_to_its_last_token(preset):
    words = families.tokenizer("s1", ("<extra_0>",))
    steps = [f"Step {n}: it is {n}.\n\n" for n in range(4)]
    found = [encode_judged(words, QUESTION, steps[:n], form(preset)) for n in range(1, 5)]
    assert len(set(found)) == 4
    if preset != "chat":
        assert all(b[: len(a) - 2] == a[:-2] for a, b in pairwise(found))
    assert encode_judged(words, QUESTION, [], form(preset))


def test_a_template_without_the_mark_is_refused():
    words = families.tokenizer("instruct")
    hides = JudgedText(chat="answer", behind="<extra_0>")
    lost = words.chat_template
    try:
        words.chat_template = "{{ messages[0].content }}"
        with pytest.raises(ThinkscaleError, match="does not show the text '<extra_0>'"):
            encode_judged(words, QUESTION, STEPS, hides)
    finally:
        words.chat_template = lost
