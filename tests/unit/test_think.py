"""One model over many items: frames that keep their contracts, whatever the order of the work."""

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import pytest

from scripted import Scripted, forcing, ids, text
from thinkscale import contracts
from thinkscale.conditions import sweep
from thinkscale.engines.base import Completion, Request, split_at_end, uniforms
from thinkscale.errors import ThinkscaleError
from thinkscale.think import require, think

SWEEP = sweep(max_think=[0, 3, 9], min_think=[12], waits=[1, 2], continuations=["Wait", "Hmm"])
PROMPTS = {f"q{n}": ids("Q" * (n + 1) + "<\n") for n in range(6)}


@dataclass
class Chance:
    """Draws letters, `|` and `$` by each row's own noise and nothing else."""

    context: int = 60
    name: str = "chance"
    exact_tokens: bool = True
    sampled: int = 0

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        for index in reversed(range(len(requests))):
            request = requests[index]
            drawn: list[int] = []
            done = None
            while done is None and len(drawn) < request.max_new:
                [u] = uniforms(request.noise, request.position + len(drawn), 1)
                drawn.append(ord("abcdef|$\n"[int(u * 9)]))
                done = split_at_end(drawn, request.stops, frozenset(ids("$")))
            self.sampled += len(drawn)
            yield index, done or Completion(tuple(drawn), (), "length", seconds=len(drawn))


def ran(prompts=PROMPTS, conditions=SWEEP, engine=None, samples=3, **options):
    settings = {"samples": samples, "seed": 7, **options}
    return think("m", prompts, conditions, engine or Chance(), forcing(), text, **settings)


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


def test_the_ledger_adds_up():
    engine = Chance(context=25)
    chains, rows = ran(engine=engine)
    assert engine.sampled == rows["new_tokens"].sum()
    assert (rows["think_natural"] + rows["think_injected"] == rows["think_tokens"]).all()
    assert (rows["think_tokens"] == rows["think_text"].str.len()).all()
    assert (rows["new_tokens"] <= rows["alone_tokens"]).all()
    lengths = rows["item_id"].map(lambda item_id: len(PROMPTS[item_id]))
    assert (rows["prompt_tokens"] == lengths).all()
    assert set(rows["stop"]) == {"natural", "budget", "context"}
    assert set(rows["answer_stop"]) == {"eos", "limit"}
    forced = rows["stop"] != "natural"
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


def test_a_prompt_without_room_is_one_error_and_nothing_is_sampled():
    engine = Chance(context=15)  # 3 forced and 5 for the answer leave 7 for the prompt
    with pytest.raises(ThinkscaleError) as raised:
        ran(engine=engine)
    assert str(raised.value) == (
        "item q5: its prompt has 8 tokens; with the answer's 5 and the forced end it exceeds the "
        "context of 15 tokens of model m"
    )
    assert engine.sampled == 0


def test_a_prompt_that_just_fits_has_no_room_to_think():
    _, rows = ran({"q4": PROMPTS["q4"]}, engine=Chance(context=15))
    assert (rows["think_tokens"] == 0).all()
    stops = rows.groupby("condition")["stop"].agg(set)
    assert stops["natural"] == {"context"} and stops["max=0"] == {"budget"}
    assert rows["censored"].all()


def test_progress_sees_every_row():
    seen = []

    def progress(rows, total):
        assert total == len(PROMPTS) * 3
        for row in rows:
            seen.append(row[0])
            yield row

    ran(progress=progress)
    assert sorted(seen) == [(q, s) for q in PROMPTS for s in range(3)]


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ThinkscaleError, match=r"package torch .* 'thinkscale\[inference\]'"):
        require("torch", extra="inference")
    monkeypatch.undo()
    require("json", extra="inference")
