"""Multiple response: sets of options, read whole or not at all; and items with several keys."""

import time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkscale.errors import ThinkscaleError
from thinkscale.grading import ChoiceSettings, grade
from thinkscale.grading.multiple_response import named_set

LIGHT = (
    *(("A", "red"), ("B", "green"), ("C", "blue"), ("D", "dark blue")),
    *(("E", "red and green light"), ("F", "1,000 lux")),
)
NUMBERS = (("A", "5"), ("B", "12"), ("C", "20"), ("D", "2"))
ALL = ChoiceSettings(keys="all")


@pytest.mark.parametrize(
    ("text", "options", "label"),
    [
        ("A and C", LIGHT, "A,C"),
        ("C, A", LIGHT, "A,C"),
        ("AC", LIGHT, "A,C"),
        ("(A) and (C)", LIGHT, "A,C"),
        ("A, B, and D are correct.", LIGHT, "A,B,D"),
        ("Answer: A, C", LIGHT, "A,C"),
        ("Answer: a, c", LIGHT, "A,C"),
        ("Answer: [A, C]", LIGHT, "A,C"),
        ("Answer: **A** and **C**", LIGHT, "A,C"),
        ("Final Answer: A & C (both are primary)", LIGHT, "A,C"),
        ("The answers are A and C because light is.", LIGHT, "A,C"),
        ("The answer is B because it is green.", LIGHT, "B"),
        ("<answer>A;C</answer>", LIGHT, "A,C"),
        ('{"answer": ["A", "C"]}', LIGHT, "A,C"),
        ("\\boxed{A, C}", LIGHT, "A,C"),
        ("So $\\boxed{\\text{A}}$ and $\\boxed{\\text{C}}$", LIGHT, "A,C"),
        ("Answer:\nA. red\nC. blue\n\nBoth are primary.", LIGHT, "A,C"),
        ("The correct options are:\n- A\n- C", LIGHT, "A,C"),
        ("Answer: A and C.\nB is wrong because it is none.", LIGHT, "A,C"),
        ("red and blue", LIGHT, "A,C"),
        ("Answer: dark blue, red", LIGHT, "A,D"),
        ("red and green light", LIGHT, "E"),
        ("Answer: red and green light; 1,000 lux", LIGHT, "E,F"),
        ("We look at each.\nSo A and C are correct.", LIGHT, "A,C"),
        ("I choose A and D.", LIGHT, "A,D"),
        ("Answer: 5 and 20", NUMBERS, "A,C"),
        ("B", LIGHT, "B"),
        ("A resposta correta é a letra B.", LIGHT, "B"),
        ("Cevap: TİP, sınır", (("A", "tip"), ("B", "sinir"), ("C", "kan")), "A,B"),
        # a set of which a part may be missing, or may be too much
        ("Answer: A or C", LIGHT, None),
        ("Answer: A and maybe C", LIGHT, None),
        ("Answer: A, C, but not D", LIGHT, None),
        ("Answer: A, C, G", LIGHT, None),
        ("Answer: A\nC\nD is wrong", LIGHT, None),
        ("Answer: neither A nor C", LIGHT, None),
        ("Answer: A. blue", LIGHT, None),
        ("A is right.\nC is right.", LIGHT, None),
        ("\\boxed{A}. Hmm, no: \\boxed{C}", LIGHT, None),
        ("A careful look says B", LIGHT, None),
        ("Bad.", LIGHT, None),
        ("All of them", LIGHT, None),
        ("", LIGHT, None),
    ],
)
def test_the_set_that_an_answer_names(text, options, label):
    found = named_set(text, options, ALL)
    assert found.label == label, found


@pytest.mark.parametrize(
    ("text", "may_go_on"),
    [
        ("Answer: A, C", True),
        ("Answer: A, C.", False),
        ("Answer: A, C\n\nBoth are", False),
        ("Answer: A", True),
        ("A and C", True),
        ("I see two. So A and C are correct.", False),
        ("<answer>A, C", True),
        ("<answer>A, C</answer>", False),
        ("\\boxed{A, C", True),
        ("\\boxed{A, C}", False),
        ('{"answer": ["A"', True),
        ('{"answer": ["A", "C"]}', False),
        ('{"answer": ["A", "C"]}\nThis is', False),
        ("It is green, so I would say B", True),
    ],
)
def test_a_set_that_the_text_ends_in_may_go_on(text, may_go_on):
    assert named_set(text, LIGHT, ALL).open is may_go_on
    found = graded("A,C", "all", text, answer_stop="limit")
    assert (found["outcome"][0] == "ungradable") is may_go_on


LABELS = [label for label, _ in LIGHT]
FORMS = ["Answer: {}", "{}", "<answer>{}</answer>", "\\boxed{{{}}}", "The answers are {} because."]


@given(
    names=st.lists(st.sampled_from(LABELS), min_size=1, unique=True),
    between=st.sampled_from([", ", ",", ";", " and ", " & ", "/", "\n", ", and "]),
    form=st.sampled_from(FORMS),
    written=st.sampled_from(["{}", "({})", "**{}**", "Option {}"]),
)
def test_a_set_is_the_same_in_any_order_and_form(names, between, form, written):
    text = form.format(between.join(written.format(name) for name in names))
    assert named_set(text, LIGHT, ALL).label == ",".join(sorted(names)), text


@pytest.mark.parametrize("piece", ["A", "A and ", "A, ", "\n", "( ", "and ", "the ", "red ", "A. "])
def test_no_text_takes_long(piece):
    began = time.perf_counter()
    for form in ("{}", "Answer: {}x", "<answer>{}"):
        named_set(form.format(piece * (20_000 // len(piece))), LIGHT, ALL)
    assert time.perf_counter() - began < 5


def graded(key, keys, *texts, grader="choice", answer_stop="eos"):
    items = pd.DataFrame(
        {
            "item_id": ["q"],
            "options": [[{"label": label, "text": text} for label, text in LIGHT]],
            "key": [key],
        }
    )
    frame = pd.DataFrame({"answer_text": texts}).assign(
        model="m", item_id="q", sample=range(len(texts)), condition="natural", stop="natural",
        answer_stop=answer_stop, answer_from="answer", error=None,
    )  # fmt: skip
    settings = {"keys": keys} if grader == "choice" else None
    return grade(frame, items, grader, settings)


def test_any_of_several_keys_is_right():
    found = graded("A,C", "any", "Answer: A", "Answer: C", "Answer: B", "Answer: A and C")
    assert found["outcome"].tolist() == ["correct", "correct", "incorrect", "ungradable"]
    assert found["extracted"].tolist()[:3] == ["A", "C", "B"]


def test_all_keys_together_are_right():
    texts = ("Answer: C and A", "Answer: A", "Answer: A, B, C", "Answer: A or C")
    found = graded("A,C", "all", *texts)
    assert found["outcome"].tolist() == ["correct", "incorrect", "incorrect", "ungradable"]
    assert found["extracted"].tolist()[:3] == ["A,C", "A", "A,B,C"]
    one = graded("C", "all", "Answer: C", "Answer: A and C")
    assert one["outcome"].tolist() == ["correct", "incorrect"]


@pytest.mark.parametrize(("grader", "keys"), [("choice", None), ("article", None)])
def test_several_keys_mean_nothing_until_the_study_says_what(grader, keys):
    with pytest.raises(ThinkscaleError) as raised:
        graded("A,C", keys, "A", grader=grader)
    said = str(raised.value)
    assert all(w in said for w in (f"'{grader}'", "'q'", "keys A,C", "`grading.choice.keys`")), said
