"""What a plan says of what is sampled to be learned from: as many rows and tokens as are asked."""

import pytest

from thinkscale.config.corpora import Generate
from thinkscale.config.models import Derivation
from thinkscale.config.sweep import Conditions
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.learning_plan import Asker, exploration_line, lessons, lessons_unknown
from thinkscale.jobs.plan import at_speed_of, empty_line, table, text
from thinkscale.jobs.training_items import training_items
from thinkscale.models.registry import register
from writing import MODELS, SETTINGS, written

FORCED = {"continuations": ["Wait", "Hmm"]}
ASKED = {"problems": 5, "samples": 2}
GRPO = Derivation(
    parent="reasoner", recipe="grpo", max_steps=5, batch_size=8, gradient_accumulation=2,
    eval_steps=2, held_out={"n": 3},
    grpo={"problems": 6, "max_completion_length": 96, "pass_rate": {"samples": 4}},
)  # fmt: skip


@pytest.fixture(scope="module")
def asker():
    return Asker(register("reasoner", MODELS / "reasoner"), SETTINGS, FORCED, seed=1)


@pytest.fixture(scope="module")
def prepared(asker):
    """The model as it thinks in a study of some problems, with waits."""
    items = training_items(Generate(model="reasoner", problems=5), 1)
    conditions = Conditions(**FORCED, waits=[1]).model_dump()
    return prepare(asker.record, items, SETTINGS, conditions, seed=1)


def lines(asker, prepared, corpora, derivations, directory=None, made=()):
    told = {name: Generate(model="reasoner", **asked) for name, asked in corpora.items()}
    given = ("reasoner", told, derivations, asker, prepared.work)
    if directory is None:
        return list(lessons(*given, None, made.__contains__))
    with prepared.journal(directory, "plan") as journal:
        return list(lessons(*given, journal, made.__contains__))


def test_what_a_corpus_asks_is_what_its_generation_samples(asker, prepared, tmp_path, one_thread):
    corpora = {"journeys": {**ASKED, "waits": 1}}
    [before] = lines(asker, prepared, corpora, {}, tmp_path)
    assert (before["part"], before["rows"], before["rows_known"]) == ("corpus journeys", 10, 0)
    assert before["left_at_most"] == before["sampled_at_most"] > 0
    assert before["left_expected"] is None  # nothing is known of any row
    usage = written(tmp_path, **corpora["journeys"]).usage
    [after] = lines(asker, prepared, corpora, {}, tmp_path)
    assert (after["rows_known"], after["left_at_most"]) == (10, 0)
    assert after["sampled_known"] == usage[0]["sampled_tokens"] < before["sampled_at_most"]
    # The study's rows are these very ones: what they took is expected of others.
    mean = after["sampled_known"] / 10
    [other] = lines(asker, prepared, {"more": {"problems": 7, "samples": 1, "waits": 1}}, {
        }, tmp_path)  # fmt: skip
    left = 7 - other["rows_known"]
    assert other["left_expected"] == pytest.approx(mean * left, rel=0.6) and left


def test_hinted_items_are_all_that_may_be_asked(asker, prepared):
    hint = "{stem}\n{options}\nIt is {answer}."
    plain, told = lines(asker, prepared, {"own": {**ASKED, "hint": hint}}, {})
    assert told["part"] == "corpus own, hinted" and told["rows"] == plain["rows"] == 10
    assert told["note"].startswith("at most") and told["left_expected"] is None


def test_completions_and_held_out_items_are_counted_by_steps(asker, prepared):
    rates, drawn, held = lines(asker, prepared, {}, {"zero": GRPO})
    assert (rates["model"], rates["part"]) == ("reasoner", "pass rates for zero")
    assert rates["rows"] == 6 * 4
    assert (drawn["model"], drawn["part"], drawn["rows"]) == ("zero", "reinforcement", 80)
    assert drawn["sampled_at_most"] == drawn["left_at_most"] == 80 * 96
    assert held["rows"] == 4 * 3 and held["responses"] == 24  # at steps 0, 2, 4, 5
    _, *done = lines(asker, prepared, {}, {"zero": GRPO}, made={"zero"})
    assert [line["left_at_most"] for line in done] == [0, 0]
    assert [line["rows_known"] for line in done] == [80, 12]


def test_what_is_not_there_has_its_rows(asker):
    corpora = {"own": Generate(model="reasoner", **ASKED)}
    told = list(lessons_unknown("reasoner", corpora, {"zero": GRPO}, "not made yet", 1))
    assert [line["rows"] for line in told] == [10, 80, 0]
    assert told[1]["left_at_most"] == 80 * 96 and told[0]["left_at_most"] is None


def test_a_reward_model_explores_as_many_chains():
    how = Derivation(parent="base", recipe="reward_model", reward={"problems": 7, "samples": 3})
    line = exploration_line("judge", how, 1)
    assert (line["rows"], line["chains"]) == (7, 21) and "8 thoughts go on" in line["note"]


def test_what_was_not_timed_goes_as_fast_as_what_it_is_made_from():
    base = empty_line("base", "thinking", 4) | {"tokens_per_second": 10.0, "left_at_most": 7200}
    base |= {"hours_at_most": 0.2}
    zero = empty_line("zero", "reinforcement", 4) | {
        "left_at_most": 36_000,
        "left_expected": 3600.0,
    }
    taught = empty_line("taught", "distillation", 4) | {"left_at_most": 5}
    open_ = empty_line("zero", "corpus own", 4)
    like = {"base": "base", "zero": "base", "taught": "base"}
    told = at_speed_of([base, zero, taught, open_], like, apart=("distillation",))
    assert [line["hours_at_most"] for line in told] == [0.2, 1.0, None, None]
    assert told[1]["hours_expected"] == 0.1 and told[1]["note"] == "timed as base"
    printed = text(table(told), "s")
    assert "reinforcement" in printed and "zero, reinforcement: timed as base" in printed
