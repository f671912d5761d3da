"""Traces that name their length: what is named is what is there, and all of it is learned."""

import re

import pytest

from thinkscale.calibration.corpus import calibration_corpus
from thinkscale.calibration.tokens import build_tokenizer
from thinkscale.config.models import NamedLength as Configured
from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.lengths import NamedLength, name_lengths
from thinkscale.models.recipes.traces import TraceFormat, encode_row
from thinkscale.thinking.strategies.prompt_control import classes

LIMITS = {"short": 16, "medium": 40, "long": None}
WAYS = (
    NamedLength("tokens", "{message}\nTokens: {length}", 8),
    NamedLength("steps", "Steps: {length}\n{message}"),
    NamedLength("class", "{message}\nLength: {length}", length_classes=LIMITS),
)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def named(rows, tokenizer, ways=WAYS):
    return name_lengths(rows, ways, tokenizer, TraceFormat(), "\n")


def test_what_a_question_names_is_how_long_its_thinking_is(tokenizer):
    rows = calibration_corpus(120, 0)
    assert {"budget", "natural"} == {row["ended"] for row in rows}
    end = tokenizer.convert_tokens_to_ids("</think>")
    for number, (before, row) in enumerate(zip(rows, named(rows, tokenizer), strict=True)):
        example = encode_row(tokenizer, row)
        thought = example.input_ids[example.prompt_tokens :]
        thought = thought[: thought.index(end)]
        assert before["question"] in row["question"]
        said = row["question"].replace(before["question"], "").strip()
        if number % 3 == 0:
            bound = int(re.fullmatch(r"Tokens: (\d+)", said)[1])
            assert bound % 8 == 0 and bound - 8 < len(thought) <= bound
        elif number % 3 == 1:
            assert said == f"Steps: {tokenizer.decode(thought).count(chr(10))}"
        else:
            [own] = [c.name for c in classes(LIMITS) if c.holds(len(thought))]
            assert said == f"Length: {own}"


def test_where_a_trace_was_cut_and_what_was_put_in_is_learned(tokenizer):
    """The same tokens behind the question, all of them with loss."""
    rows = calibration_corpus(60, 1)
    for before, row in zip(rows, named(rows, tokenizer, WAYS[:1]), strict=True):
        example, own = encode_row(tokenizer, row), encode_row(tokenizer, before)
        assert example.input_ids[example.prompt_tokens :] == own.input_ids[own.prompt_tokens :]
        assert all(example.mask[example.prompt_tokens :])
    assert not all(
        all(own.mask[own.prompt_tokens :]) for own in (encode_row(tokenizer, r) for r in rows)
    )


def test_a_trace_without_an_end_has_no_length(tokenizer):
    rows = [{"question": "q", "reasoning": "a\n", "response": "", "ended": "open"}]
    with pytest.raises(ThinkscaleError, match="row 1 has no end of thinking"):
        named(rows, tokenizer)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"by": "tokens", "instruction": "{message} {length}", "length_classes": LIMITS}, "only"),
        ({"by": "class", "instruction": "{message} {length}"}, "`length_classes` with"),
        (
            {
                "by": "class",
                "instruction": "{message} {length}",
                "length_classes": {"short": None, "long": None},
            },
            "a bound for each",
        ),
        (
            {
                "by": "class",
                "instruction": "{message} {length}",
                "length_classes": {"short": 9, "long": 9},
            },
            "from the shortest to the longest",
        ),
        ({"by": "tokens", "instruction": "{message} soon"}, "{length} is missing"),
    ],
)
def test_faults_of_the_configuration(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Configured(**given)
