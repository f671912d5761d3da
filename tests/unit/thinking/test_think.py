"""One model over many items: frames that keep their contracts, whatever the order of the work."""

import importlib.util
from collections.abc import Hashable
from dataclasses import dataclass, field

import pandas as pd
import pytest

from scripted import Scripted, forcing, ids, text
from thinkscale.data import contracts
from thinkscale.engines.base import Completion, Request, Usage, split_at_end, uniforms
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.job import require
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.think import think

SWEEP = sweep(
    max_think=[0, 3, 9],
    min_think=[12],
    waits=[1, 2],
    continuations=["Wait", "Hmm"],
    truncate=[3],
    no_think=True,
)
PROMPTS = {f"q{n}": ids("Q" * (n + 1) + "<\n") for n in range(6)}
UNTHINKING = {f"q{n}": ids("Q" * (n + 1) + "|") for n in range(6)}


@dataclass
class Chance:
    """Draws letters, `|` and `$` by each row's own noise and nothing else, last in first out."""

    name: str = "chance"
    exact_tokens: bool = True
    sampled: int = 0
    waiting: list[tuple[Hashable, Request]] = field(default_factory=list)

    def submit(self, ticket: Hashable, request: Request) -> None:
        self.waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Completion]]:
        ticket, request = self.waiting.pop()
        drawn: list[int] = []
        done = None
        while done is None and len(drawn) < request.max_new:
            [u] = uniforms(request.noise, request.position + len(drawn), 1)
            drawn.append(ord("abcdef|$\n"[int(u * 9)]))
            done = split_at_end(drawn, request.stops, frozenset(ids("$")))
        self.sampled += len(drawn)
        return [(ticket, done or Completion(tuple(drawn), (), "length", seconds=len(drawn)))]

    def release(self, noise: bytes) -> None:
        assert not [ticket for ticket, request in self.waiting if request.noise == noise]

    def usage(self) -> Usage:
        return Usage(sampled=self.sampled)


def thought(prompts=PROMPTS, conditions=SWEEP, engine=None, samples=3, whole=False, **options):
    settings = {"samples": samples, "seed": 7, "context": 60, "unthinking": UNTHINKING, **options}
    made = forcing(whole_turn=whole)
    return think("m", prompts, conditions, engine or Chance(), made, text, **settings)


def ran(*arguments, **options):
    result = thought(*arguments, **options)
    return result.chains, result.responses


def without_times(frame):
    return frame.drop(columns="seconds")


def test_frames_keep_their_contracts(tmp_path):
    for name, frame in zip(("chains", "responses"), ran(), strict=True):
        contracts.write(frame, tmp_path / f"{name}.parquet", name)
        again = contracts.read(tmp_path / f"{name}.parquet", name)
        assert len(again) == len(frame)
    natural = again["condition"] == "natural"
    assert (
        again.loc[natural, ["max_think", "min_think", "waits", "continuation"]]
        .isna()
        .all(axis=None)
    )
    assert again.loc[again["condition"] == "max=3", "max_think"].eq(3).all()
    assert again.loc[again["condition"] == "truncate=3", "truncate"].eq(3).all()
    assert again["truncate"].notna().sum() == again["no_think"].sum() == len(PROMPTS) * 3
    assert again.loc[again["no_think"], "condition"].eq("no_think").all()
    assert set(again["condition"]) == set(SWEEP)
    assert len(again) == len(PROMPTS) * 3 * len(SWEEP)


def test_a_shard_without_items_is_an_empty_frame_of_the_same_kind(tmp_path):
    whole = ran()
    for name, frame, other in zip(("chains", "responses"), ran(prompts={}), whole, strict=True):
        contracts.write(frame, tmp_path / f"{name}.parquet", name)
        contracts.write(other, tmp_path / f"{name}-whole.parquet", name)
        empty, full = (
            contracts.read(tmp_path / f"{name}{end}.parquet", name) for end in ("", "-whole")
        )
        assert len(empty) == 0
        together = pd.concat([empty, full], ignore_index=True)
        contracts.write(together, tmp_path / "together.parquet", name)
        assert contracts.read(tmp_path / "together.parquet", name).equals(full)


@pytest.mark.parametrize("whole", [False, True])
def test_the_ledger_adds_up(whole):
    engine = Chance()
    chains, rows = ran(engine=engine, context=25, whole=whole)
    assert engine.sampled == rows["new_tokens"].sum()
    assert (rows["think_natural"] + rows["think_injected"] == rows["think_tokens"]).all()
    assert (rows["think_tokens"] == rows["think_text"].str.len()).all()
    assert (rows["new_tokens"] <= rows["alone_tokens"]).all()
    lengths = rows["item_id"].map(lambda item_id: len(PROMPTS[item_id])) - rows["no_think"]
    assert (rows["prompt_tokens"] == lengths).all()
    assert (rows.loc[rows["no_think"], "think_tokens"] == 0).all()
    assert set(rows["stop"]) == {"natural", "budget", "context"}
    assert set(rows["answer_stop"]) == {"eos", "limit"}
    turn, none = (rows["answer_from"] == source for source in ("turn", "none"))
    assert turn.any() == whole and none.any() == (not whole)
    assert (rows.loc[turn, "answer_text"] == rows.loc[turn, "think_text"]).all()
    assert (rows.loc[none, "answer_text"] == "").all()
    assert not rows.loc[turn | none, ["answer_tokens", "forced_end_tokens"]].any(axis=None)
    assert (rows["truncate"].notna() | ~none).all() and rows["error"].isna().all()
    forced = (rows["stop"] != "natural") & rows["truncate"].isna()
    assert (rows.loc[forced, "forced_end_tokens"] >= 2).all()
    assert (rows.loc[rows["condition"].str.startswith("max="), "think_tokens"] <= 9).any()
    assert set(chains["continuation"]) == {"Wait", "Hmm"}


def test_prefixes_lie_on_the_chains():
    chains, rows = ran()
    wait = chains[chains["continuation"] == "Wait"].set_index(["item_id", "sample"])["segments"]
    whole = wait.map(lambda s: text([i for part in s for i in part["token_ids"]]))
    for row in rows[rows["condition"].isin(["natural", "max=3", "waits=2"])].itertuples():
        assert whole[row.item_id, row.sample].startswith(row.think_text)


def test_seconds_are_shared_out_by_tokens_sampled():
    engine = Scripted(lambda so_far: "|$"[so_far.endswith("|")])
    _, rows = ran(engine=engine)
    assert (rows["seconds"] == 0).all()
    _, rows = ran()
    assert (rows.loc[rows["new_tokens"] == 0, "seconds"] == 0).all()
    assert (rows["seconds"] >= 0).all() and rows["seconds"].sum() > 0


@pytest.mark.parametrize("shards", [2, 4])
def test_shards_give_the_same_rows(shards):
    whole_chains, whole = ran()
    names = list(PROMPTS)
    parts = [ran({k: PROMPTS[k] for k in names[s::shards]}) for s in range(shards)]
    for frames, expected in zip(
        zip(*parts, strict=True), (whole_chains, without_times(whole)), strict=True
    ):
        together = pd.concat(frames).sort_values(["item_id", "sample"], kind="stable")
        together = together[expected.columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(together, expected, check_dtype=False)


def test_more_samples_leave_the_first_ones_as_they_were():
    (_, few), (_, many) = ran(samples=2), ran(samples=5)
    assert without_times(many[many["sample"] < 2]).reset_index(drop=True).equals(without_times(few))
    texts = many[many["condition"] == "natural"].groupby("item_id")["think_text"]
    assert (texts.nunique() > 1).any()


def test_rows_in_flight_and_item_order_change_nothing():
    _, expected = ran()
    for in_flight in (1, 5):
        assert without_times(ran(in_flight=in_flight)[1]).equals(without_times(expected))
    _, turned = ran(dict(reversed(PROMPTS.items())))
    turned = turned.sort_values(["item_id", "sample"], kind="stable").reset_index(drop=True)
    assert without_times(turned).equals(without_times(expected))
    assert not without_times(ran(seed=8)[1]).equals(without_times(expected))


def test_rows_come_in_the_order_of_the_items():
    _, rows = ran(dict(reversed(PROMPTS.items())), samples=2)
    keys = rows[["item_id", "sample"]].drop_duplicates().itertuples(index=False)
    assert [tuple(key) for key in keys] == [(q, s) for q in reversed(PROMPTS) for s in range(2)]


def test_a_prompt_without_room_is_refused_and_the_others_go_on(tmp_path):
    # 3 forced and 5 for the answer leave 7 for the prompt; those of q5 have 8 tokens
    engine = Chance()
    result = thought(engine=engine, context=15)
    reason = (
        "the prompt has 8 tokens; with the answer's 5 and a forced end it exceeds the context of "
        "15 tokens"
    )
    assert result.refused == {"q5": reason}
    assert result.rows == 5 * 3
    assert engine.sampled == result.responses["new_tokens"].sum()
    assert set(result.chains["item_id"]) == set(PROMPTS) - {"q5"}
    contracts.write(result.responses, tmp_path / "responses.parquet", "responses")
    rows = contracts.read(tmp_path / "responses.parquet", "responses")
    assert len(rows) == len(PROMPTS) * 3 * len(SWEEP)
    refused = rows[rows["item_id"] == "q5"]
    assert (refused["error"] == reason).all()
    assert (refused["prompt_tokens"] == 8 - refused["no_think"]).all()
    assert (refused["answer_from"] == "none").all()
    assert not refused[[c for c in contracts.LEDGER if c != "prompt_tokens"]].any(axis=None)
    assert set(zip(refused["stop"], refused["answer_stop"], strict=True)) == {("context", "none")}
    assert refused["censored"].all()
    assert rows.loc[rows["item_id"] != "q5", "error"].isna().all()
    without = {k: v for k, v in PROMPTS.items() if k != "q5"}
    contracts.write(ran(without, context=15)[1], tmp_path / "without.parquet", "responses")
    expected = contracts.read(tmp_path / "without.parquet", "responses")
    others = rows[rows["item_id"] != "q5"].reset_index(drop=True)
    pd.testing.assert_frame_equal(without_times(others), without_times(expected))


def test_all_prompts_refused_and_the_engine_is_never_asked():
    result = thought(engine=object.__new__(Nothing), context=5)
    assert set(result.refused) == set(PROMPTS) and result.rows == 0
    assert len(result.chains) == 0
    assert len(result.responses) == len(PROMPTS) * 3 * len(SWEEP)


class Nothing:
    """An engine without anything to call."""

    name, exact_tokens = "nothing", True


def test_a_prompt_that_just_fits_has_no_room_to_think():
    _, rows = ran({"q4": PROMPTS["q4"]}, context=15)
    assert (rows["think_tokens"] == 0).all()
    stops = rows.groupby("condition")["stop"].agg(set)
    assert stops["natural"] == {"context"} and stops["max=0"] == {"budget"}
    assert stops["no_think"] == {"natural"}
    assert (rows["censored"] != rows["no_think"]).all()


def test_a_prompt_without_thinking_must_fit_too():
    prompts = {"q4": PROMPTS["q4"]}
    longer = {"q4": ids("Q" * 8)}
    assert thought(prompts, context=15, unthinking={"q4": ids("Q" * 7)}).refused == {}
    result = thought(prompts, context=15, unthinking=longer, engine=object.__new__(Nothing))
    assert "the prompt has 8 tokens" in result.refused["q4"]


def test_the_watch_sees_rows_and_items_done_and_rows_on_their_way():
    seen = []
    thought(watch=lambda *counts: seen.append(counts), in_flight=4)
    rows, items, going = zip(*seen, strict=True)
    assert rows == tuple(sorted(rows)) and rows[-1] == len(PROMPTS) * 3
    assert items == tuple(sorted(items)) and items[-1] == len(PROMPTS)
    assert max(going) == 4 and going[-1] == 0


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ThinkscaleError, match=r"package torch .* 'thinkscale\[inference\]'"):
        require("torch", extra="inference")
    monkeypatch.undo()
    require("json", extra="inference")
