"""Reading an item's labels: how they are spelled, what they come to, and what they stand behind."""

import math

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import families
import tiny
from scripted import EOS, PROMPT, Scripted, forcing, ids, passes, text
from thinkscale.data import contracts
from thinkscale.engines.drive import drive
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.budget import respond
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.readout import (
    LEAST,
    among_labels,
    label_logprobs,
    label_spellings,
    lead,
    sequences,
)
from thinkscale.thinking.think import think

ANSWER = "\n\nFinal Answer:"


def spelled(tokenizer, labels, prompt=ANSWER) -> dict[str, set[tuple[str, ...]]]:
    """Spellings as the vocabulary writes their tokens."""
    found = label_spellings(tokenizer, prompt, labels)
    return {
        label: {tuple(tokenizer.convert_ids_to_tokens(list(way))) for way in ways}
        for label, ways in found.items()
    }


def fast(backend) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")


def sentencepiece() -> PreTrainedTokenizerFast:
    """Writes a space before the first word of a text, as Llama 2's does."""
    pieces = ["<unk>", "▁", "▁A", "A", "▁B", "B", "▁Answer", "Answer", ":", "1", "0"]
    backend = Tokenizer(models.Unigram([(piece, -float(len(pieces))) for piece in pieces], 0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    backend.decoder = decoders.Metaspace()
    return fast(backend)


def wordpiece(lowercase: bool) -> PreTrainedTokenizerFast:
    words = ["<unk>", "answer", "Answer", ":", "a", "A", "b", "B", "1", "##0"]
    vocabulary = {word: number for number, word in enumerate(words)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return fast(backend)


def test_byte_level_bpe_has_a_token_for_a_letter_and_one_with_its_space():
    found = spelled(families.tokenizer(), ["A", "B", "10"])
    assert found == {"A": {("A",), ("ĠA",)}, "B": {("B",), ("ĠB",)}, "10": {("10",), ("Ġ", "10")}}


def test_where_a_token_is_a_byte_a_space_is_one_more():
    assert spelled(tiny.tokenizer(), ["A", "10"]) == {
        "A": {("A",), ("Ġ", "A")},
        "10": {("1", "0"), ("Ġ", "1", "0")},
    }


def test_sentencepiece_has_the_label_by_itself_and_behind_the_prompt():
    found = spelled(sentencepiece(), ["A", "10"], "Answer:")
    assert found["A"] == {("▁A",), ("A",)}
    assert {("1", "0"), ("▁", "1", "0")} <= found["10"]


def test_wordpiece_knows_no_space():
    assert spelled(wordpiece(False), ["A", "10"], "Answer:") == {
        "A": {("A",)},
        "10": {("1", "##0")},
    }


def test_a_prompt_whose_last_token_would_change_leaves_the_label_by_itself():
    """Behind "Answer: " the tokenizer would join the space and the letter."""
    assert spelled(families.tokenizer(), ["A"], "Answer: ")["A"] == {("A",), ("ĠA",)}


@pytest.mark.parametrize(
    ("labels", "said"),
    [(["A", "a"], "the labels 'A' and 'a' alike"), (["β", "γ"], "the labels 'β' and 'γ' alike")],
)
def test_labels_that_a_tokenizer_does_not_tell_apart_are_an_error(labels, said):
    with pytest.raises(ThinkscaleError, match=said):
        label_spellings(wordpiece(True), "Answer:", labels)


def test_a_label_without_a_token_is_an_error():
    with pytest.raises(ThinkscaleError, match="no token for the label"):
        label_spellings(wordpiece(False), "Answer:", ["\u200b\x00"])


# What probabilities come to


def test_spellings_are_summed():
    spellings = {"A": ((1,), (2,)), "B": ((3,), (9, 3))}
    assert sequences(spellings) == ((1,), (2,), (3,), (9, 3))
    found = label_logprobs(spellings, [math.log(p) for p in (0.3, 0.2, 0.1, 0.15)])
    assert found == pytest.approx({"A": math.log(0.5), "B": math.log(0.25)})


def test_a_label_has_not_what_goes_on_to_a_longer_one():
    """By digits: P(1) = .6, and behind it 0 with .5, and behind that 0 with .25."""
    spellings = {"1": ((1,),), "10": ((1, 0),), "100": ((1, 0, 0),), "12": ((1, 2),)}
    found = label_logprobs(spellings, [math.log(p) for p in (0.6, 0.3, 0.075, 0.12)])
    right = {"1": 0.6 - 0.3 - 0.12, "10": 0.3 - 0.075, "100": 0.075, "12": 0.12}
    assert found == pytest.approx({label: math.log(p) for label, p in right.items()})


@pytest.mark.parametrize("longer", [0.0, 5e-17])
def test_nothing_left_is_the_least_there_is(longer):
    spellings = {"1": ((1,),), "10": ((1, 0),)}
    found = label_logprobs(spellings, [math.log(0.5), math.log(0.5) + longer])
    assert found["1"] == LEAST and found["10"] == pytest.approx(math.log(0.5))
    found = label_logprobs(spellings, [-math.inf, -math.inf])
    assert found == {"1": LEAST, "10": LEAST}


def test_very_unlikely_labels_are_summed_without_underflow():
    found = label_logprobs({"A": ((1,), (2,))}, [-700.0, -700.0])
    assert found["A"] == pytest.approx(-700 + math.log(2))


# Where they are read


def read(conditions, script=passes, context=1000, **changes):
    engine = Scripted(script, logprob=lambda so_far, ids: -len(so_far) - ids[0] / 1000)
    how = {"read": (ids("A"), ids(" A")), "unthinking": ids(PROMPT + "|")}
    row = respond(ids(PROMPT), b"key", conditions, forcing(**changes), context, **how)
    [(_, result)] = drive([("row", row)], engine, 8)
    return engine, result


def behind(engine) -> list[str]:
    return [text(request.prompt) for request in engine.asked if request.read]


def test_every_condition_is_read_behind_the_same_words():
    engine, row = read(sweep(max_think=[2], waits=[1]))
    assert behind(engine) == [PROMPT + "abcd|=", PROMPT + "ab\n|=", PROMPT + "abcdWef|="]
    assert {request.max_new for request in engine.asked if request.read} == {0}
    for name, answer in row.answers.items():
        length = len(behind(engine)[[*row.answers].index(name)])
        assert answer.logprobs == (-length - 0.065, -length - 0.032)


def test_a_turn_that_ended_is_read_behind_what_a_cut_puts_in():
    engine, _ = read(
        sweep(), script=lambda so_far: ("ab" + EOS)[len(so_far) - len(PROMPT) :] or "X"
    )
    assert behind(engine) == [PROMPT + "ab\n|="]


@pytest.mark.parametrize("whole_turn", [False, True])
def test_without_thinking_its_own_prompt_is_read_behind_and_truncation_is_not_read(whole_turn):
    engine, row = read(sweep(truncate=[2, 9], no_think=True), whole_turn=whole_turn)
    assert behind(engine) == [PROMPT + "abcd|=", PROMPT + "|="]
    assert row.answers["truncate=9"].logprobs == row.answers["natural"].logprobs
    assert row.answers["truncate=2"].logprobs == ()


def test_where_nothing_is_asked_it_is_read_all_the_same():
    script = lambda so_far: ("ab" + EOS)[len(so_far) - len(PROMPT) :] or "X"  # noqa: E731
    engine, row = read(sweep(), script, whole_turn=True)
    assert behind(engine) == [PROMPT + "ab\n|="]
    assert row.answers["natural"].answer_from == "turn" and row.answers["natural"].logprobs


def test_thinking_cut_by_the_context_is_read_like_any():
    engine, row = read(sweep(), script=lambda so_far: "a", context=len(PROMPT) + 3 + 3 + 5)
    assert row.answers["natural"].prefix.stop == "context"
    assert behind(engine) == [PROMPT + "aaa\n|="]


def test_reading_samples_nothing_and_conditions_that_are_one_are_read_once():
    conditions = sweep(max_think=[2, 50, 60])
    engine, row = read(conditions)
    without = Scripted(passes)
    [(_, expected)] = drive(
        [("row", respond(ids(PROMPT), b"key", conditions, forcing(), 1000))], without, 8
    )
    assert engine.sampled == without.sampled
    assert [request for request in engine.asked if not request.read] == without.asked
    assert len(behind(engine)) == 2
    assert row.answers["natural"].logprobs == row.answers["max=60"].logprobs
    assert {answer.logprobs for answer in expected.answers.values()} == {()}


def test_readouts_keep_their_contract(tmp_path):
    """An item without labels has none, nor has one that does not fit the context."""
    engine = Scripted(passes, logprob=lambda so_far, ids: math.log(0.1 * ids[0] % 1))
    prompts = {"q1": ids(PROMPT), "free": ids(PROMPT), "long": ids("Q" * 90), "q0": ids(PROMPT)}
    labels = {"A": ((1,), (2,)), "B": ((3,),)}
    found = think(
        "m", prompts, sweep(max_think=[2]), engine, forcing(), text,
        context=80, samples=2, seed=7, readouts=dict.fromkeys(["q0", "q1", "long"], labels),
    ).readouts  # fmt: skip
    contracts.write(found, tmp_path / "r.parquet", "readouts")
    again = contracts.read(tmp_path / "r.parquet", "readouts")
    assert again["item_id"].tolist() == ["q1"] * 8 + ["q0"] * 8  # in the items' order
    assert again["condition"].tolist()[:4] == ["natural", "natural", "max=2", "max=2"]
    assert again["label"].tolist()[:4] == ["A", "B", "A", "B"]
    assert again["logprob"].tolist()[:2] == pytest.approx([math.log(0.3), math.log(0.3)])
    assert again["mass"].tolist() == pytest.approx([0.6] * 16)
    alone = think(
        "m", {}, sweep(), engine, forcing(), text, context=80, samples=1, seed=7, readouts={}
    )
    contracts.write(alone.readouts, tmp_path / "none.parquet", "readouts")


def test_how_far_ahead_the_likeliest_label_is():
    spellings = {"A": ((1,), (4, 1)), "B": ((2,),), "C": ((3,),)}
    of = dict(zip(sequences(spellings), map(math.log, (0.1, 0.05, 0.2, 0.05)), strict=True))
    found = among_labels(spellings, [of[way] for way in sequences(spellings)])
    assert found == pytest.approx({"A": 0.375, "B": 0.5, "C": 0.125})
    assert lead(found, "probability") == pytest.approx(0.5)
    assert lead(found, "margin") == pytest.approx(0.125)
    assert lead({"A": 1.0}, "margin") == 1.0  # there is no other


@pytest.mark.parametrize("none", [math.nan, -math.inf])
def test_no_label_leads_where_none_can_be_said(none):
    spellings = {"A": ((1,),), "B": ((2,),)}
    found = among_labels(spellings, [none, -math.inf])
    assert math.isnan(lead(found, "probability")) and math.isnan(lead(found, "margin"))
    # One that can be said leads, however unlikely it is.
    assert lead(among_labels(spellings, [-600.0, -math.inf]), "margin") == pytest.approx(1)
