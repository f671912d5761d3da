"""What every engine holds to, asked of each in turn on the calibration model.

An engine is added by a line in `ENGINES`. Servers that are up with the calibration model are asked
too, where the environment variable THINKSCALE_TEST_SERVERS names them, as JSON:

    {"a real one": {"url": "http://127.0.0.1:8080", "software": "llama.cpp"}}
"""

import json
import math
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import servers
from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.engines.base import Completion, Request, Sampling, noise_key, seed
from thinkscale.engines.registry import openable
from thinkscale.engines.transformers.sampling import draw
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import Prepared, prepare, run
from thinkscale.models.registry import register

TEMPERATURE = 2.0  # flat enough that tokens of the tail are drawn, too
REASONER = Path(__file__).parents[3] / "resources/calibration/reasoner"
PROMPT = {"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""}
THINKING = {"answer_prompt": "\n\nAnswer:", "step_end": "\n"}
SWEEP = Conditions(max_think=[0, 12, 30], min_think=[40], waits=[1]).model_dump()
# By name, the settings of a study's `inference`; of a small server only its kind.
ENGINES = {
    "transformers": {"dtype": "float32", "device": "cpu"},
    "vllm": {
        "engine": "vllm",
        "dtype": "float32",
        "device": "cpu",
        "memory": 0.05,
        "vllm": {"sequences": 8},
    },
    "small vllm": "vllm",
    "small llama.cpp": "llama.cpp",
    "small ollama": "ollama",
    **{
        name: {"engine": "completions", "server": server}
        for name, server in json.loads(os.environ.get("THINKSCALE_TEST_SERVERS", "{}")).items()
    },
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=ENGINES)
def settings(request):
    """How the engine is named in a study."""
    engine = ENGINES[request.param]
    if request.param == "vllm":
        pytest.importorskip("vllm", reason="vLLM has an environment of its own: `make test-vllm`")
    if isinstance(engine, dict):
        yield engine
        return
    with servers.running(engine) as small:
        yield {"engine": "completions", "server": small.settings()}


@pytest.fixture(scope="module")
def bank():
    return generate_bank(4, seed=5)


def prepared(settings, items, temperature=0.0, sweep=SWEEP, **more) -> Prepared:
    own = {"prompt": PROMPT, "thinking": THINKING, "max_answer_tokens": 8, "batch_size": 4}
    inference = Inference(temperature=temperature, top_p=1.0, **own, **settings, **more)
    return prepare(register("reasoner", REASONER), items, inference, sweep, seed=1)


@pytest.fixture(scope="module")
def ready(settings, bank):
    return prepared(settings, bank)


@pytest.fixture(scope="module")
def greedy(ready):
    return ready.open()


@pytest.fixture(scope="module")
def sampling(settings, bank):
    return prepared(settings, bank, temperature=TEMPERATURE).open()


@pytest.fixture(scope="module")
def asked(ready):
    """Every item's thinking, until it ends or has 60 tokens."""
    forcing = ready.work.forcing
    return [
        Request(prompt, 60, forcing.think_end, noise_key(1, item, 0), 0)
        for item, prompt in ready.work.prompts.items()
    ]


@pytest.fixture(scope="module")
def thought(greedy, asked):
    return answered(greedy, asked)


def answered(engine, requests) -> list[Completion]:
    """Completions in the order of the requests, without their times; each comes back once."""
    left = Counter(request.noise for request in requests)
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    done = {}
    while len(done) < len(requests):
        for ticket, completion in engine.step():
            assert ticket not in done
            assert completion.seconds >= 0
            done[ticket] = replace(completion, seconds=0.0)
            left[requests[ticket].noise] -= 1
            if not left[requests[ticket].noise]:
                engine.release(requests[ticket].noise)
    return [done[ticket] for ticket in range(len(requests))]


def longest(asked, thought) -> tuple[Request, tuple[int, ...]]:
    """The request with the longest thought, and that."""
    return max(zip(asked, (t.ids for t in thought), strict=True), key=lambda pair: len(pair[1]))


def drawn(completion: Completion) -> tuple[int, ...]:
    return completion.ids + completion.end_ids


# ------------------------------------------------------------------ tokens


def test_forced_token_by_token_it_says_what_it_says_at_once(greedy, asked, thought):
    for request, whole in zip(asked[:2], thought[:2], strict=True):
        ids = drawn(whole)
        steps = [
            replace(request, prompt=request.prompt + ids[:n], max_new=1, stops=(), position=n)
            for n in range(len(ids))
        ]
        assert [drawn(step) for step in answered(greedy, steps)] == [(token,) for token in ids]


def test_thinking_ends_at_its_marker_which_is_told_apart(asked, thought):
    assert {completion.stop for completion in thought} == {"marker"}
    for request, completion in zip(asked, thought, strict=True):
        assert completion.end_ids in request.stops
        assert completion.ids and not set(completion.end_ids) & set(completion.ids)


def test_a_stop_sequence_of_several_tokens_ends_where_all_of_it_stands(greedy, asked, thought):
    request, ids = longest(asked, thought)
    # Found late, though its first token and its last may come before; the longest counts.
    stop = next(ids[n : n + 3] for n in range(6, len(ids) - 3) if ids[n] in ids[:n])
    first = next(n for n in range(len(ids)) if ids[n : n + 3] == stop)
    [found] = answered(greedy, [replace(request, stops=(stop[1:], stop))])
    assert found == Completion(ids[:first], stop, "marker")


def test_the_turn_s_end_ends_an_answer_and_thinking_too(ready, greedy, asked, thought):
    behind = [
        replace(request, prompt=request.prompt + drawn(said), position=80)
        for request, said in zip(asked, thought, strict=True)
    ]
    for completion in answered(greedy, behind):  # thinking's marker is listened for
        assert completion.stop == "eos"
        assert completion.end_ids[0] in ready.checkpoint.eos and len(completion.end_ids) == 1
        assert completion.ids and not set(completion.ids) & ready.checkpoint.eos


@pytest.mark.parametrize("budget", [0, 1, 7])
def test_a_budget_cuts_and_changes_nothing_before_it(greedy, asked, thought, budget):
    cut = answered(greedy, [replace(request, max_new=budget) for request in asked])
    for found, whole in zip(cut, thought, strict=True):
        assert found == Completion(whole.ids[:budget], (), "length")


def test_an_end_on_a_budget_s_last_token_is_an_end(greedy, asked, thought):
    [found] = answered(greedy, [replace(asked[0], max_new=thought[0].sampled)])
    assert found == thought[0]


def test_forks_of_a_row_do_not_disturb_each_other(greedy, asked, thought):
    request, ids = asked[1], thought[1].ids
    forks = [
        replace(request, prompt=request.prompt + ids[:n], stops=(), max_new=9, position=n)
        for n in range(0, len(ids), 3)
    ]
    together = answered(greedy, forks)
    alone = [answered(greedy, [fork])[0] for fork in forks]
    assert together == alone
    assert len(set(together)) > 1


# ------------------------------------------------------------------ noise


def test_the_same_request_draws_the_same_and_other_rows_draw_otherwise(sampling, asked, thought):
    request = replace(longest(asked, thought)[0], stops=(), max_new=20)
    rows = [replace(request, noise=noise_key(1, "a row", sample)) for sample in range(4)]
    first = [answered(sampling, [row])[0] for row in rows]
    assert [answered(sampling, [row])[0] for row in reversed(rows)] == first[::-1]
    assert len(set(first)) > 1


def test_a_greedy_request_takes_the_likeliest_among_sampled_ones(sampling, asked, thought):
    mixed = [replace(request, greedy=n % 2 == 0) for n, request in enumerate(asked)]
    found = answered(sampling, mixed)
    assert found[::2] == thought[::2]


def test_a_seed_is_of_the_row_and_of_the_position():
    request = Request((1, 2), 5, (), noise_key(1, "item", 0), 0)
    places = [replace(request, position=n) for n in range(100)]
    rows = [replace(request, noise=noise_key(1, "item", n)) for n in range(1, 100)]
    seeds = [seed(one) for one in places + rows]
    assert len(set(seeds)) == len(seeds) and all(0 <= one < 2**31 for one in seeds)
    assert seed(replace(request, prompt=(9,), max_new=1)) == seed(request)


# Behind these, the model is in two minds: 13 tokens have a chance above 1 % at that temperature.
OPEN = " =5 =6 =7"
CELLS, DRAWS = 20, 400


def open_prompt() -> tuple[int, ...]:
    return tuple(servers.tokenizer().encode(OPEN, add_special_tokens=False))


def fit(tokens) -> float:
    """Pearson's chi-square of tokens drawn behind `OPEN` against the model's own softmax: its p.

    The likeliest tokens come first, in cells of a twentieth each, or of one token where that has
    more. What is expected is computed by transformers alone.
    """
    chances = special.softmax(servers.logprobs(open_prompt()) / TEMPERATURE)
    order = np.argsort(-chances)
    chances = chances[order]
    cells = ((chances.cumsum() - chances) * CELLS).astype(int)
    counts = np.bincount(tokens, minlength=len(chances))[order]
    found, expected = (np.bincount(cells, of) for of in (counts, chances * len(tokens)))
    there = expected > 0
    assert expected[there].min() >= 5  # as the chi-square wants
    return stats.chisquare(found[there], expected[there]).pvalue


def test_tokens_are_drawn_by_the_model_s_own_softmax(ready, sampling):
    if not ready.engine.exact_tokens:
        pytest.skip("gives text, whose tokens may be others than were drawn")
    rows = [Request(open_prompt(), 1, (), noise_key(1, "a row", n), 0) for n in range(DRAWS)]
    assert fit([drawn(said)[0] for said in answered(sampling, rows)]) > 1e-3


@pytest.mark.parametrize(
    "tampered",
    [
        Sampling(0.8 * TEMPERATURE),
        Sampling(1.2 * TEMPERATURE),
        Sampling(TEMPERATURE, top_k=40),
        Sampling(TEMPERATURE, top_p=0.9),
    ],
)
def test_other_distributions_would_be_seen(tampered):
    """Of defaults that servers have where they are not told otherwise."""
    import torch

    def drawn_by(sampling):
        noise = torch.from_numpy(np.random.default_rng(0).random(DRAWS))
        logits = torch.from_numpy(servers.logprobs(open_prompt())).expand(DRAWS, -1)
        return draw(logits, noise, sampling, logits.shape[1]).numpy()

    assert fit(drawn_by(Sampling(TEMPERATURE))) > 0.01
    assert fit(drawn_by(tampered)) < 1e-4


# ------------------------------------------------------------------ reading


def test_what_is_read_are_the_model_s_own_probabilities(ready, greedy, asked, thought):
    """Of continuations of one token and of several; the likeliest token is what greedy takes."""
    if not ready.engine.reads:
        pytest.skip("gives no probabilities of given text")
    request = replace(asked[0], stops=(), max_new=0)
    a, b, c = thought[0].ids[:3]
    others = tuple(token for token in range(5, 25) if token not in (a, b, c))
    behind = replace(request, prompt=(*request.prompt, a), read=((b,), (b, c)))
    whole = replace(request, read=((a,), (a, b), (a, b, c), *((token,) for token in others)))
    [first, second] = answered(greedy, [whole, behind])
    for completion in (first, second):
        assert drawn(completion) == () and all(value <= 0 for value in completion.logprobs)
    of_a, of_ab, of_abc, *rest = first.logprobs
    assert of_a > max(rest)
    assert math.exp(of_a) + sum(map(math.exp, rest)) <= 1 + 1e-4
    assert of_ab == pytest.approx(of_a + second.logprobs[0], abs=1e-3)
    assert of_abc == pytest.approx(of_a + second.logprobs[1], abs=1e-3)


# ------------------------------------------------------------------ a study, its journal, a crash


def test_a_study_is_thought_and_recalled_without_opening_the_engine(ready, tmp_path):
    thought, first = run(ready, tmp_path, 0, 1)
    assert first["sampled_tokens"] > 0 and first["recalled_tokens"] == 0
    assert first["seconds"] > 0 and first["errors"] == 0

    def refused():
        raise AssertionError("opened")

    closed = replace(ready, engine=replace(ready.engine, open=refused))
    again, second = run(closed, tmp_path, 0, 1)
    assert second["sampled_tokens"] == 0
    assert second["recalled_tokens"] == first["sampled_tokens"]
    pd.testing.assert_frame_equal(again.responses, thought.responses)
    pd.testing.assert_frame_equal(again.chains, thought.chains)


def test_what_had_ended_before_a_crash_is_not_sampled_again(ready, tmp_path):
    class Crash(Exception):
        pass

    def crashing():
        engine, steps = ready.engine.open(), iter(range(1, 10**6))
        step = engine.step

        def counted():
            if ended and next(steps) > 3:
                raise Crash
            ended.extend(done := step())
            return done

        engine.step, ended = counted, []
        return engine

    with pytest.raises(Crash):
        run(replace(ready, engine=replace(ready.engine, open=crashing)), tmp_path / "a", 0, 1)
    went_on, after = run(ready, tmp_path / "a", 0, 1)
    whole, at_once = run(ready, tmp_path / "b", 0, 1)
    assert after["recalled_tokens"] > 0
    assert after["recalled_tokens"] + after["sampled_tokens"] == at_once["sampled_tokens"]
    timeless = whole.responses.drop(columns="seconds")
    pd.testing.assert_frame_equal(went_on.responses.drop(columns="seconds"), timeless)


def test_an_engine_that_is_not_there_is_named(ready):
    with pytest.raises(ThinkscaleError, match="found 'tgi', which is not there; expected one of"):
        openable("tgi", ready.checkpoint, None, {})
