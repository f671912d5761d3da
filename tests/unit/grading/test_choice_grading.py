"""Grading multiple choice: a hand-labelled list of endings, and how frames are graded."""

import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.grading import GRADERS, ChoiceSettings, extract_choice, grade


def labelled(*texts: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip("ABCDEFGHIJ", texts, strict=False))


DRUGS = labelled("Metformin", "Glyburide", "Acarbose", "Insulin", "Exenatide")
IRON = labelled("Iron", "Iron deficiency anemia", "Anemia", "Vitamin C deficiency")
NUMBERS = labelled("5", "4", "9", "0", "14")
DOSES = labelled("10 mg daily", "20 mg daily", "No treatment", "Observation")
BOTH = labelled("Aspirin", "Clopidogrel", "Both A and B", "Neither A nor B")
VITAMINS = labelled("Vitamin D", "Vitamin A", "Vitamin K", "Hepatitis B vaccine")
GREEK = labelled("\u03b2-blocker", "ACE inhibitor", "\u03b1-agonist", "B-cell lymphoma")
LONG = labelled(
    "Disclose the error to the patient and put it in the operative report",
    "Tell the attending that he cannot fail to disclose this mistake",
    "Report the physician to the ethics committee",
    "Refuse to dictate the operative report",
)
TEN = labelled(*(f"Diagnosis number {n}" for n in "abcdefghij"))
PRESSURE = labelled("Hypotension", "Tachycardia", "Fever", "Hypoxia")
ARROWS = labelled("\u2193 \u2193 \u2193", "\u2191 \u2193 normal", "\u2193 \u2191 \u2193")
TWICE = labelled("Rest", "Surgery", "Surgery", "Physiotherapy")

# (answer text, options, the label a careful reader would give; None = no one option is named)
ENDINGS = [
    # a letter and little else
    (" B", DRUGS, "B"),
    ("B", NUMBERS, "B"),
    ("\n\nB", DRUGS, "B"),
    ("B.", DRUGS, "B"),
    ("(C)", DRUGS, "C"),
    ("[D]", DRUGS, "D"),
    ("d", DRUGS, "D"),
    ("c)", DRUGS, "C"),
    ("**B**", DRUGS, "B"),
    ("*E*", DRUGS, "E"),
    ("`A`", DRUGS, "A"),
    ('"D"', DRUGS, "D"),
    ("\uff22", DRUGS, "B"),  # full-width B
    ("A<|im_end|>", DRUGS, "A"),
    ("C<\uff5cend\u2581of\u2581sentence\uff5c>", DRUGS, "C"),
    ("J", TEN, "J"),
    ("I", TEN, "I"),
    # a letter with its text
    ("**D) Insulin**", DRUGS, "D"),
    ("D. Insulin", DRUGS, "D"),
    ("D: insulin", DRUGS, "D"),
    ("D - Insulin", DRUGS, "D"),
    ("D Insulin", DRUGS, "D"),
    ("d. insulin", DRUGS, "D"),
    ("**D**. Insulin\n\nIt acts at once, unlike metformin.", DRUGS, "D"),
    ("Insulin (D)", DRUGS, "D"),
    ("Option D: Insulin", DRUGS, "D"),
    (
        "D) Insulin\n\nExplanation:\nA) Metformin is wrong here.\nB) Glyburide is unsafe.",
        DRUGS,
        "D",
    ),
    ("A) " + LONG[0][1], LONG, "A"),
    ("C) Both A and B", BOTH, "C"),
    ("D) Neither A nor B", BOTH, "D"),
    # statements
    ("The answer is (C).", DRUGS, "C"),
    ("Answer: b", DRUGS, "B"),
    ("Answer:B", DRUGS, "B"),
    ("\n\nAnswer: B", NUMBERS, "B"),
    ("Final Answer: B", DRUGS, "B"),
    ("Final Answer:\n\n**B**", DRUGS, "B"),
    ("**Final Answer**\n\nB", DRUGS, "B"),
    ("### Answer\nC. Acarbose", DRUGS, "C"),
    ("**Answer:** D", DRUGS, "D"),
    ("**Answer: D**", DRUGS, "D"),
    ("Answer - E", DRUGS, "E"),
    ("Answer (letter only): E", DRUGS, "E"),
    ("ANSWER IS C", DRUGS, "C"),
    ("The correct answer is D) Insulin.", DRUGS, "D"),
    ("The correct answer is **option D**.", DRUGS, "D"),
    ("The correct option is A.", DRUGS, "A"),
    ("The best answer to this question is C.", DRUGS, "C"),
    ("The answer, therefore, is E.", DRUGS, "E"),
    ("So the final answer is A because it lowers glucose output.", DRUGS, "A"),
    ("The answer is most likely B.", DRUGS, "B"),
    ("The answer is b", DRUGS, "B"),
    ("The answer is B. The reason A is wrong is its slow onset.", DRUGS, "B"),
    ("The answer is insulin.", DRUGS, "D"),
    ("Answer: Insulin", DRUGS, "D"),
    ("The answer is Insulin (D).", DRUGS, "D"),
    ("Answer: A\n\nWait, that is too slow.\n\nAnswer: D", DRUGS, "D"),
    ("\u7b54\u6848\u662fB", DRUGS, "B"),
    ("\u7b54\u6848\uff1aC", DRUGS, "C"),
    ("Answer: Both A and B", BOTH, "C"),
    ("Answer: 4", NUMBERS, "B"),
    ("The answer is 14.", NUMBERS, "E"),
    ("Answer: Vitamin A", VITAMINS, "B"),
    ("Answer: A vitamin K", VITAMINS, "C"),
    ("Answer: B-cell lymphoma", GREEK, "D"),
    ("Answer: B", GREEK, "B"),
    # boxes and tags
    ("\\boxed{B}", DRUGS, "B"),
    ("$\\boxed{\\text{B}}$", DRUGS, "B"),
    ("\\[\n\\boxed{\\textbf{(C)}}\n\\]", DRUGS, "C"),
    ("\\boxed{D) Insulin}", DRUGS, "D"),
    ("\\boxed{\\text{Insulin}}", DRUGS, "D"),
    ("The final answer is $\\boxed{E}$.", DRUGS, "E"),
    ("First I had \\boxed{A}, but in the end \\boxed{B}", DRUGS, "B"),
    ("\\boxed{4}", NUMBERS, "B"),
    ("\\boxed{b}", DRUGS, "B"),
    ("Thus $\\boxed D$", DRUGS, "D"),
    ("<answer>C</answer>", DRUGS, "C"),
    ("<answer> D) Insulin </answer>", DRUGS, "D"),
    ("<answer>\nAnswer: A\n</answer>", DRUGS, "A"),
    ("A was tempting. <answer>E</answer>", DRUGS, "E"),
    ("<answer>B", DRUGS, "B"),
    # letters in sentences
    ("I would choose D.", DRUGS, "D"),
    ("I'll go with option C.", DRUGS, "C"),
    ("Option B is correct.", DRUGS, "B"),
    ("B is the best choice here.", DRUGS, "B"),
    ("A is incorrect, C is too slow. D is correct.", DRUGS, "D"),
    ("It's E.", DRUGS, "E"),
    ("Given the ketones, the right choice must be (D).", DRUGS, "D"),
    ("Option A is wrong. Option B is not safe. Option D fits.", DRUGS, "D"),
    ("The glucose is very high and she has ketones.\n\n**D**", DRUGS, "D"),
    # the text of an option
    ("Insulin", DRUGS, "D"),
    ("insulin.", DRUGS, "D"),
    ("She should be given insulin.", DRUGS, "D"),
    ("Insuline", DRUGS, "D"),  # a slip
    ("Not metformin but insulin.", DRUGS, "D"),
    ("Iron deficiency anemia", IRON, "B"),
    ("This is iron deficiency anemia.", IRON, "B"),
    ("Iron", IRON, "A"),
    ("Vitamin C deficiency", IRON, "D"),
    ("The answer is vitamin C deficiency", IRON, "D"),
    ("20 mg daily", DOSES, "B"),
    ("beta blocker", GREEK, "A"),
    ("an \u03b1-agonist", GREEK, "C"),
    ("Tell the attending that he can not fail to disclose this mistake.", LONG, "B"),
    ("Hepatitis B vaccine", VITAMINS, "D"),
    ("\u2193 \u2191 \u2193", ARROWS, "C"),
    ("The result is 4.", NUMBERS, "B"),
    ("Metformin helps. " * 30 + "\nSo insulin it is.", DRUGS, "D"),
    ("Insulin is one of many. " * 30 + "\nSee a doctor.", DRUGS, None),
    # thinking and other questions do not count
    ("<think>Maybe A? No, C.</think>\n\nAnswer: D", DRUGS, "D"),
    ("so A or C\n</think>\n\nAnswer: B", DRUGS, "B"),
    ("Final Answer: B\n\nQuestion: What is 2 + 2?\nA) 3 B) 4\nAnswer: A", DRUGS, "B"),
    # nothing, or no one option
    ("", DRUGS, None),
    ("   \n", DRUGS, None),
    ("I cannot give medical advice.", DRUGS, None),
    ("I'm sorry, but I can't help with that.", TEN, None),
    ("I think we need more data.", TEN, None),
    ("A patient with diabetes needs care.", DRUGS, None),
    ("A careful history should be taken first.", DRUGS, None),
    ("The answer is a matter of debate.", DRUGS, None),
    ("The answer is a", DRUGS, None),  # cut: an article as likely as a letter
    ("The answer is not A.", DRUGS, None),
    ("A is wrong.", DRUGS, None),
    ("None of the above", DRUGS, None),
    ("The patient has hepatitis B.", DRUGS, None),
    ("Z", DRUGS, None),
    ("F", DRUGS, None),
    ("Answer:", DRUGS, None),
    ("Let me think about", DRUGS, None),
    ("42", NUMBERS, None),
    ("A or C", DRUGS, None),
    ("Answer: A or C", DRUGS, None),
    ("Answer: B and D", DRUGS, None),
    ("Answer: A, C", DRUGS, None),
    ("The answer is either B or D.", DRUGS, None),
    ("\\boxed{A, B}", DRUGS, None),
    ("<answer>A/B</answer>", DRUGS, None),
    ("A) Metformin\nB) Glyburide\nC) Acarbose", DRUGS, None),
    ("Metformin or insulin", DRUGS, None),
    ("Surgery", TWICE, None),
    ("Answer: B) Insulin", DRUGS, None),  # letter against text
    ("**B. Insulin**", DRUGS, None),
    ("Insulin (A)", DRUGS, None),
    ("\\boxed{C) Metformin}", DRUGS, None),
    ("15 mg daily", DOSES, None),
    ("Hypertension", PRESSURE, None),
    ("\ufffd\ufffd", DRUGS, None),
    # the same two texts: the letter decides
    ("C) Surgery", TWICE, "C"),
]


@pytest.mark.parametrize(("text", "options", "label"), ENDINGS)
def test_ending(text, options, label):
    found = extract_choice(text, options)
    assert found.label == label, found
    assert found.detail


def test_list_is_long_enough():
    assert len({(text, options) for text, options, _ in ENDINGS}) >= 80


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("<answer>B</answer> Answer: C \\boxed{D}", "tag"),
        ("D\n\n\\boxed{D}\n\nAnswer: C", "statement"),
        ("A\n\nso \\boxed{D}", "boxed"),
        (" B", "letter"),
        ("Insulin", "text"),
        ("Exanatide", "none"),
        ("Glyburyde", "none"),
        ("Answer: A or C", "tie"),
        ("Answer: B) Insulin", "contradiction"),
        ("Insuline", "fuzzy"),
    ],
)
def test_rule_that_decides(text, how):
    assert extract_choice(text, DRUGS).how == how


def test_settings_move_the_fuzzy_match():
    assert extract_choice("Glyburyde", DRUGS).label is None  # 88.9
    assert extract_choice("Glyburyde", DRUGS, ChoiceSettings(threshold=85)).label == "B"
    near = labelled("Cefotaximes", "Cefotaximet")
    assert extract_choice("Cefotaxime", near).how == "tie"


def test_other_labels():
    digits = (("1", "Granite"), ("2", "Basalt"), ("10", "Marble"))
    assert extract_choice("Answer: 2", digits).label == "2"
    assert extract_choice("(10) Marble", digits).label == "10"
    assert extract_choice("Basalt", digits).label == "2"


_PIECES = st.one_of(
    st.text(max_size=100),
    st.sampled_from(
        [" ", "\n", ". ", "A", "B) ", "Answer: ", "\\boxed{", "}", "not ", "insulin", "'"]
    ),
)


@given(st.lists(_PIECES, max_size=12).map("".join), st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_a_label_of_the_item_or_none(text, times):
    for options in (DRUGS, NUMBERS, BOTH):
        for given_text in (text, text * min(times, 2000 // (len(text) or 1) + 1)):
            assert extract_choice(given_text, options).label in {None, *dict(options)}


@given(st.sampled_from(ENDINGS), st.sampled_from(["\n", "  ", " \n\n"]))
@settings(max_examples=200, deadline=None)
def test_space_at_the_end_does_not_matter(ending, space):
    text, options, label = ending
    if text != "The answer is a":
        assert extract_choice(text + space, options).label == label


# Frames


def items(*rows):
    """(item_id, options, key) each."""
    return pd.DataFrame(
        {
            "item_id": [r[0] for r in rows],
            "options": [[{"label": lb, "text": t} for lb, t in r[1]] for r in rows],
            "key": [r[2] for r in rows],
        }
    )


def responses(*rows):
    """(item_id, answer text, stop, answer_stop) each."""
    return pd.DataFrame(rows, columns=["item_id", "answer_text", "stop", "answer_stop"]).assign(
        model="m",
        sample=range(len(rows)),
        condition="natural",
        think_text="A A A Answer: A",
        answer_from="answer",
        error=None,
    )


BANK = items(("i1", DRUGS, "D"), ("i2", NUMBERS, "B"))


def test_outcomes_and_columns():
    frame = responses(
        ("i1", "Answer: D", "natural", "eos"),
        ("i1", "Answer: A", "natural", "eos"),
        ("i1", "Hm.", "natural", "eos"),
        ("i2", "Answer: B", "natural", "eos"),
    )
    grades = grade(frame, BANK)
    assert list(grades.columns) == [
        "model", "item_id", "sample", "condition", "grader", "extracted", "outcome", "detail",
    ]  # fmt: skip
    assert grades["outcome"].tolist() == ["correct", "incorrect", "ungradable", "correct"]
    assert grades["extracted"].fillna("-").tolist() == ["D", "A", "-", "B"]
    assert set(grades["grader"]) == {"choice"}


def test_answer_prompt_stands_before_forced_answers_only():
    text = " a"
    frame = responses(("i1", text, "budget", "eos"), ("i1", text, "natural", "eos"))
    grades = grade(frame, items(("i1", DRUGS, "A")), answer_prompt="\n\nAnswer:")
    assert grades["outcome"].tolist() == ["correct", "correct"]
    assert grades["detail"].str.split(":").str[0].tolist() == ["statement", "a lone letter"]
    # After a prompt that asks for it, a phrase is read as an answer and not as a loose sentence.
    cut = responses(("i1", " insulin, as metformin fails", "context", "eos"))
    assert grade(cut, BANK, answer_prompt="Final Answer:")["outcome"].tolist() == ["correct"]


def test_cut_answer_names_its_stop():
    frame = responses(
        ("i1", "Let me", "budget", "limit"),
        ("i1", "", "natural", "limit"),
        ("i1", "Let me", "budget", "eos"),
        ("i1", " D) Insulin because", "budget", "limit"),
    )
    grades = grade(frame, BANK)
    assert grades["outcome"].tolist() == ["ungradable"] * 3 + ["correct"]
    assert grades["detail"].str.contains("answer_stop=limit").tolist() == [True, True, False, False]
    assert "stop=budget" in grades["detail"][0]


def test_missing_answer_is_ungradable():
    assert grade(responses(("i1", None, "natural", "eos")), BANK)["outcome"][0] == "ungradable"


@pytest.mark.parametrize("grader", GRADERS)
def test_an_item_that_was_not_asked_is_ungradable_and_says_why(grader, tmp_path):
    why = "the prompt has 5000 tokens; it exceeds the context of 4096 tokens"
    # An empty text begins with the answer prompt where thinking was cut; here it must not.
    frame = responses(("i1", "", "context", "none")).assign(error=why)
    bank = BANK.assign(answer_text="7")
    grades = grade(frame, bank, grader, answer_prompt="The answer is D. ")
    assert (grades["outcome"][0], grades["detail"][0]) == ("ungradable", why)
    assert pd.isna(grades["extracted"][0])
    contracts.write(grades, tmp_path / "grades.parquet", "grades")


def test_article_is_the_substring_rule():
    frame = responses(
        ("a", "Answer: C", "natural", "eos"),  # the A of "Answer"
        ("a", " C", "budget", "eos"),  # not the A of the prompt
        ("a", "B", "natural", "eos"),
    )
    grades = grade(frame, items(("a", DRUGS, "A")), "article", answer_prompt="Answer:")
    assert grades["outcome"].tolist() == ["correct", "incorrect", "incorrect"]
    assert set(GRADERS) >= {"choice", "article"}


def test_grades_meet_their_contract(tmp_path):
    grades = grade(responses(("i1", "D", "natural", "eos"), ("i2", "?", "natural", "eos")), BANK)
    contracts.write(grades, tmp_path / "grades.parquet", "grades")
    back = contracts.read(tmp_path / "grades.parquet", "grades")
    pd.testing.assert_frame_equal(back, grades)


def test_no_responses_give_no_grades():
    assert len(grade(responses(), BANK)) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grade(responses(), BANK, "choise"), ["'choise'", "did you mean 'choice'"]),
        (lambda: grade(responses(), BANK, "choice", {"treshold": 1}), ["'threshold'"]),
        (lambda: grade(responses(), BANK, "article", {"x": 1}), ["'x'", "none"]),
        (lambda: grade(responses(("i9", "A", "natural", "eos")), BANK), ["'i9'"]),
        (lambda: grade(responses(), items(("i1", (), None))), ["'i1'", "options"]),
    ],
)
def test_errors(call, words):
    with pytest.raises(ThinkscaleError) as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_many_rows_grade_fast():
    n = 100_000
    few = responses(*[("i1", ENDINGS[i % len(ENDINGS)][0], "natural", "eos") for i in range(n)])
    start = time.perf_counter()
    grades = grade(few, BANK)
    assert len(grades) == n
    assert time.perf_counter() - start < 8
