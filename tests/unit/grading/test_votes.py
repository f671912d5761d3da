"""Votes: from answers in a file to cons@k, equal ones as one by the grader's own equality."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.data import contracts, graded
from thinkscale.grading import GRADERS, equality, grade_study
from thinkscale.stats import consensus

# grader, settings, reference, answers, cons@n, and how many answers are left
VOTES = {
    "a number in three forms": (
        "math", {}, "5040", ["5040", "5,040", "k=5040", "8", "8"], 1.0, 2,
    ),
    "terms in another order": (
        "math", {}, "y^2+3", ["y^2+3", "3+y^2", "y^{2}+3", "y^2", "y^2"], 1.0, 2,
    ),
    "a root below and above": (
        "math", {}, "\\frac{\\sqrt{5}}{5}",
        ["\\frac{\\sqrt{5}}{5}", "\\frac{1}{\\sqrt{5}}", "3", "3"],
        0.5, 2,
    ),
    "a wrong one in three forms": (
        "math", {}, "7", ["6", "6.0", "x=6", "7", "7"], 0.0, 2,
    ),
    "within the tolerance": (
        "numeric", {"relative_tolerance": 0.01}, "100", ["100", "100.5", "99.5", "8", "8"], 1.0,
        2,
    ),
    "beyond the tolerance": (
        "numeric", {}, "100", ["100", "100.5", "99.5", "8", "8"], 0.0,
        4,
    ),
    "as written after normalisation": (
        "exact", {}, "The Tower", ["tower", "Tower.", "the tower", "wall", "wall"], 1.0,
        2,
    ),
}  # fmt: skip


def written(folder, answers, reference, samples=None):
    """A study's items and responses, as files: one item, one model, an answer a sample."""
    items = pd.DataFrame({"item_id": ["q"], "options": [[]], "answer_text": [reference]}).assign(
        stem="s", key=None, difficulty=None, difficulty_raw=None, response_time=None,
        cluster_id=None, meta="{}",
    )  # fmt: skip
    none = dict.fromkeys(("max_think", "min_think", "waits", "continuation", "error"))
    frame = pd.DataFrame({"answer_text": [f"\\boxed{{{answer}}}" for answer in answers]}).assign(
        model="m", item_id="q", sample=samples or range(len(answers)), condition="natural",
        stop="natural", answer_stop="eos", censored=False, think_text="", seconds=0.1, engine="e",
        exact_tokens=True, **none, **dict.fromkeys(contracts.LEDGER, 1),
    )  # fmt: skip
    contracts.write(items, folder / "items.parquet", "items")
    contracts.write(frame, folder / "responses.parquet", "responses")


def joined(folder, grader, settings, **how):
    """The graded frame of a study's files, as the rules of the workflow make it."""
    items = contracts.read(folder / "items.parquet", "items")
    grading, path = {"graders": [grader], grader: settings}, folder / "grades.parquet"
    grade_study(folder / "responses.parquet", items, path, grading, {"m": ""}, **how)
    responses = contracts.read(folder / "responses.parquet", "responses", graded.RESPONSE_COLUMNS)
    grades, same = contracts.read(path, "grades"), equality(grader, settings)
    contracts.write(
        graded.join(responses, grades, items, [grader], same=same), folder / "g.parquet", "graded"
    )
    return contracts.read(folder / "g.parquet", "graded")


@pytest.mark.parametrize("name", VOTES)
def test_equal_answers_are_one_vote(name, tmp_path):
    grader, how, reference, answers, share, left = VOTES[name]
    written(tmp_path, answers, reference)
    frame = joined(tmp_path, grader, how)
    assert frame["extracted"].nunique() == left
    table = consensus.tabulate(frame, [len(answers)]).set_index("measure")
    assert table.loc["cons", "estimate"] == pytest.approx(share)
    assert table.loc["pass", "estimate"] == 1.0
    grades = contracts.read(tmp_path / "grades.parquet", "grades")
    assert grades["extracted"].nunique() >= left  # as they were read


def test_votes_depend_on_no_order_batch_or_number_of_processes(tmp_path):
    answers = ["6", "4.99", "6.01", "12", "5.99", "7,000", "7001", "5", "12.05", "no"]
    ways = [
        (range(10), {}),
        (range(9, -1, -1), {"batch": 3}),
        ([3, 1, 4, 0, 5, 9, 2, 6, 8, 7], {"batch": 2, "processes": 2}),
    ]
    frames = []
    for place, (order, how) in enumerate(ways):
        folder = tmp_path / str(place)
        written(folder, [answers[i] for i in order], "5", samples=list(order))
        frame = joined(folder, "numeric", {"relative_tolerance": 0.01}, **how)
        frames.append(frame.sort_values("sample", ignore_index=True))
    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])
    forms = ["6", "5", "6", "12", "6", "7000", "7000", "5", "12"]
    assert frames[0]["extracted"].tolist()[:9] == forms


def test_only_free_responses_have_an_equality_beyond_their_labels():
    assert {name for name, grader in GRADERS.items() if grader.same} == {"math", "numeric"}
    assert equality("choice") is None and equality("exact") is None


@pytest.mark.parametrize(
    ("grader", "first", "second", "equal"),
    [
        ("math", "10,080", "n=10080", True),
        ("math", "1+z^2", "z^{2}+1", True),
        ("math", "0.5", "\\frac{1}{2}", True),
        ("math", "12", "13", False),
        ("math", "z^2", "z^3", False),
        ("math", "\\frac{1}{", "7", False),
        ("numeric", "0.3333333", "0.33333333", True),
        ("numeric", "6.1e-3", "6.2e-3", False),
        ("numeric", "1000", "1001", False),
    ],
)
def test_equality(grader, first, second, equal):
    same = equality(grader)
    assert same(first, second) is equal and same(second, first) is equal


# The laws of classes, by a relation that is made up

ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(["q1", "q2"]),
        st.sampled_from(["a", "A", "aa", "b", "B", "bb", "c", None]),
        st.sampled_from(["incorrect", "ungradable"]),
    ),
    max_size=30,
)


def same(first, second):
    return first[0].lower() == second[0].lower()


def frame_of(rows):
    columns = ["item_id", "extracted", "outcome"]
    return pd.DataFrame(rows, columns=columns).astype("str").assign(row=range(len(rows)))


@given(rows=ANSWERS, data=st.data())
@settings(max_examples=50, deadline=None)
def test_classes_do_not_depend_on_the_order_of_rows(rows, data):
    frame = frame_of(rows)
    order = data.draw(st.permutations(range(len(rows))))
    found = graded.in_one_form(frame, same)
    moved = graded.in_one_form(frame.iloc[order], same).sort_values("row")
    pd.testing.assert_frame_equal(found, moved)
    again = graded.in_one_form(found, same)
    pd.testing.assert_frame_equal(found, again)
    for _, own in found[found["outcome"] == "incorrect"].groupby("item_id"):
        forms = own["extracted"].dropna().unique()
        assert len({form.lower()[0] for form in forms}) == len(forms)
    kept = found["outcome"] == "ungradable"
    pd.testing.assert_frame_equal(found[kept], frame[kept])


def test_correct_answers_are_one_without_a_comparison():
    frame = frame_of([("q", "x", "correct"), ("q", "longer", "correct"), ("p", "y", "correct")])

    def never(first, second):
        raise AssertionError("compared")

    assert graded.in_one_form(frame, never)["extracted"].tolist() == ["x", "x", "y"]


def test_comparisons_are_bounded_by_distinct_answers_and_forms():
    rows = [("q", answer, "incorrect") for answer in ["a", "aa", "aaa", "b", "bb", "c"] * 50]
    asked = []
    graded.in_one_form(frame_of(rows), lambda a, b: asked.append((a, b)) or same(a, b))
    assert len(asked) == len(set(asked)) <= 6 * 3
