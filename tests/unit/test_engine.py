"""The transformers engine, and the noise and sampling under it, on tiny random models."""

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import tiny
from thinkscale.budget import Forcing
from thinkscale.conditions import sweep
from thinkscale.engines.base import Completion, Request, noise_key, split_at_end, uniforms
from thinkscale.engines.hf import Loading, TransformersEngine, load
from thinkscale.engines.sampling import Sampling, draw
from thinkscale.errors import ThinkscaleError
from thinkscale.prompts import encode
from thinkscale.think import think

GREEDY, SAMPLED = Sampling(temperature=0), Sampling(temperature=1.0)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=tiny.CONFIGS)
def engine(request, tmp_path_factory) -> TransformersEngine:
    directory = tiny.save(tmp_path_factory.mktemp(request.param), request.param)
    return load(directory, Loading(dtype="float32", device="cpu"), SAMPLED, batch_size=4)


def asked(engine, texts=("tell me", "a much longer prompt than that", "x", "2+2"), **changes):
    return [
        Request(encode(engine.tokenizer, text), 24, (), noise_key(1, text, 0), 0)
        if not changes
        else replace(Request(encode(engine.tokenizer, text), 24, (), b"", 0), **changes)
        for text in texts
    ]


def answered(engine, requests) -> list[Completion]:
    """Completions in the order of the requests, without their times."""
    done = dict(engine.complete(requests))
    assert sorted(done) == list(range(len(requests)))
    return [replace(done[i], seconds=0.0) for i in range(len(requests))]


# ------------------------------------------------------------------ decoding


def test_greedy_tokens_are_those_of_generate(engine):
    engine = replace(engine, sampling=GREEDY)
    for request, completion in zip(asked(engine), answered(engine, asked(engine)), strict=True):
        prompt = torch.tensor([request.prompt])
        generated = engine.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=request.max_new,
            # generate does not know of padded vocabularies
            suppress_tokens=list(range(len(engine.tokenizer), engine.model.config.vocab_size)),
        )[0, prompt.shape[1] :].tolist()
        assert [*completion.ids, *completion.end_ids] == generated
    assert len({completion.ids for completion in answered(engine, asked(engine))}) > 1


def test_sampled_tokens_depend_on_the_row_alone(engine):
    requests = asked(engine, [f"prompt {'very ' * n}{n}" for n in range(7)])
    requests[3] = replace(requests[3], max_new=5)
    requests[4] = replace(requests[4], stops=(encode(engine.tokenizer, "e"),))
    expected = answered(engine, requests)
    assert len({completion.ids for completion in expected}) == len(requests)
    for batch_size in (1, 2, 7, 100):
        assert answered(replace(engine, batch_size=batch_size), requests) == expected
    places = list(range(len(requests)))
    random.Random(0).shuffle(places)
    shuffled = answered(engine, [requests[i] for i in places])
    assert shuffled == [expected[i] for i in places]
    assert answered(engine, requests[2:3]) == expected[2:3]  # without the others


def test_a_row_goes_on_where_it_was_cut(engine):
    """The same noise by position: two requests of 10 tokens are one of 20."""
    [whole] = answered(engine, asked(engine, ["go on"], max_new=20, noise=b"k" * 16))
    [first] = answered(engine, asked(engine, ["go on"], max_new=10, noise=b"k" * 16))
    prompt = encode(engine.tokenizer, "go on") + first.ids
    [second] = answered(engine, [Request(prompt, 10, (), b"k" * 16, 10)])
    assert first.ids + second.ids == whole.ids
    [other] = answered(engine, asked(engine, ["go on"], max_new=20, noise=b"j" * 16))
    assert other.ids != whole.ids


def test_stop_sequences_of_several_tokens(engine):
    [free] = answered(engine, asked(engine, ["stop"], max_new=24, noise=b"s" * 16))
    marker = free.ids[9:12]
    first = next(n for n in range(24) if free.ids[n : n + 3] == marker)
    never = (free.ids[3], free.ids[3] + 1, free.ids[3])
    stopped = asked(engine, ["stop"], max_new=24, noise=b"s" * 16, stops=(never, marker))
    [completion] = answered(engine, stopped)
    assert completion == Completion(free.ids[:first], marker, "marker")
    assert completion.sampled == first + 3
    # The limit comes before the whole marker does: what was sampled of it is kept, and no end.
    [cut] = answered(engine, [replace(stopped[0], max_new=first + 2)])
    assert cut == Completion(free.ids[: first + 2], (), "length")


def test_eos_ends_a_row(engine):
    requests = asked(engine, [f"end {n}" for n in range(20)], max_new=60, noise=b"e" * 16)
    favoured = engine.tokenizer.convert_tokens_to_ids("q")
    done = answered(replace(engine, eos=frozenset([favoured])), requests)
    assert {c.stop for c in done} >= {"eos"}
    assert all(c.end_ids == (favoured,) for c in done if c.stop == "eos")
    assert not any(favoured in completion.ids for completion in done)


def test_no_tokens_asked_for(engine):
    requests = asked(engine, max_new=0)
    assert answered(engine, requests) == [Completion((), (), "length")] * len(requests)
    mixed = [replace(requests[0], max_new=3, noise=b"m" * 16), requests[1]]
    assert [len(c.ids) for c in answered(engine, mixed)] == [3, 0]
    assert answered(engine, []) == []


def test_ids_beyond_the_tokenizer_are_never_sampled(engine):
    """Even where the model would: its rows of padding are made the likeliest by far."""
    size = len(engine.tokenizer)
    head = engine.model.get_output_embeddings()
    kept = head.weight.detach().clone()
    assert head.weight.shape[0] == size + tiny.PADDING
    try:
        with torch.no_grad():
            head.weight[size:] = 50 * head.weight[:1]
            head.weight[size + 1 :] = -50 * head.weight[:1]
        for sampling in (GREEDY, SAMPLED, Sampling(2.0, 0.9, 5)):
            done = answered(replace(engine, sampling=sampling), asked(engine))
            assert max(max(c.ids, default=0) for c in done) < size
    finally:
        with torch.no_grad():
            head.weight.copy_(kept)


def test_seconds_are_shared_out_by_tokens(engine):
    done = dict(engine.complete(asked(engine)))
    assert all(completion.seconds > 0 for completion in done.values())


# ------------------------------------------------------------------ forks and the ledger


@dataclass
class Counting:
    """An engine that counts what another samples."""

    inner: TransformersEngine
    sampled: int = 0

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def complete(self, requests):
        for index, completion in self.inner.complete(requests):
            self.sampled += completion.sampled
            yield index, completion


def spoken(engine, conditions, prompts=("one", "the second", "and a third one"), **options):
    """Responses under `conditions`. Random models end thinking at a vowel, about every tenth."""
    words = engine.tokenizer
    forcing = Forcing(
        think_end=tuple(encode(words, letter) for letter in "aeiouAEIOU0123"),
        newline=encode(words, "\n"),
        answer_prompt=encode(words, "So:"),
        continuations={text: encode(words, text) for text in ("Wait", "Hmm, no")},
        ends_in_newline=lambda ids: words.decode(ids[-8:]).endswith("\n"),
        max_answer=6,
        max_swaps=3,
    )
    asked = {text: encode(words, text) for text in prompts}
    settings = {"samples": 3, "seed": 5, **options}
    return think("tiny", asked, conditions, engine, forcing, words.decode, **settings)


SWEEP = sweep(
    max_think=[0, 4, 12, 40], min_think=[15], waits=[1, 2], continuations=["Wait", "Hmm, no"]
)


def test_forks_are_what_the_condition_alone_gives(engine):
    engine = replace(engine, batch_size=64, context=160)
    _, together = spoken(engine, SWEEP)
    said = ["think_text", "answer_text", "think_tokens", "answer_tokens", "stop", "answer_stop"]
    said += ["think_natural", "think_injected", "waits_done", "alone_tokens", "forced_end_tokens"]
    assert together.groupby("condition")["stop"].first()["max=0"] in ("budget", "natural")
    assert together["stop"].nunique() > 1
    for name, condition in SWEEP.items():
        _, alone = spoken(engine, {name: condition})
        forked = together[together["condition"] == name].reset_index(drop=True)
        assert forked[said].equals(alone[said]), name


def test_sampled_tokens_are_charged_once(engine):
    counting = Counting(replace(engine, batch_size=64, context=160))
    _, responses = spoken(counting, SWEEP)
    assert counting.sampled == responses["new_tokens"].sum()
    assert counting.sampled < responses["alone_tokens"].sum()
    for name in SWEEP:
        counting = Counting(counting.inner)
        _, rows = spoken(counting, {c: SWEEP[c] for c in ("natural", name)})
        assert counting.sampled == rows["new_tokens"].sum()
        together, alone = (
            frame.loc[frame["condition"] == name, "alone_tokens"].tolist()
            for frame in (responses, rows)
        )
        assert together == alone


def test_rows_in_flight_do_not_change_what_is_said(engine):
    engine = replace(engine, context=160)
    (_, one), (_, many) = (spoken(engine, SWEEP, in_flight=n) for n in (2, 1024))
    columns = [name for name in one.columns if name != "seconds"]
    assert one[columns].equals(many[columns])


# ------------------------------------------------------------------ noise


@given(st.binary(min_size=16, max_size=16), st.integers(0, 300), st.integers(0, 50))
def test_noise_is_the_same_however_a_row_is_cut(key, start, count):
    whole = uniforms(key, 0, start + count)
    assert np.array_equal(uniforms(key, start, count), whole[start:])
    assert len(uniforms(key, start, count)) == count


def test_noise_is_uniform_and_rows_are_independent():
    rows = np.stack([uniforms(noise_key(0, f"q{n}", 0), 0, 200) for n in range(100)])
    assert rows.min() >= 0 and rows.max() < 1
    assert stats.kstest(rows.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(rows[:, 0], "uniform").pvalue > 1e-3  # the first of each row too
    assert len(np.unique(rows)) == rows.size
    correlations = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert abs(correlations.mean()) < 0.01
    neighbours = np.corrcoef(rows[:, :-1].ravel(), rows[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(rows.size)


def test_every_part_of_a_row_s_name_counts():
    keys = [
        noise_key(*row)
        for row in [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1), (0, "a1", 0)]
    ]
    assert len({*keys, noise_key(0, "a", 10), noise_key(0, "a\x1f1", 0)}) == 7
    assert noise_key(3, "item", 2).hex() == noise_key(3, "item", 2).hex()
    # Fixed values: a change of either would change every study.
    assert noise_key(1, "q1", 0).hex() == KEY
    assert uniforms(bytes.fromhex(KEY), 5, 2).tolist() == pytest.approx(NOISE, abs=0)


KEY = "765d2ebfc7ac366ef02265b48beed781"
NOISE = [0.35236779328043066, 0.8506461933972308]


# ------------------------------------------------------------------ drawing


def frequencies(logits, sampling, n=20_000):
    """Share of each id over `n` evenly spread uniforms: the inverse CDF, without chance."""
    noise = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    drawn = draw(torch.tensor([logits]).expand(n, -1), noise, sampling, len(logits))
    return np.bincount(drawn.numpy(), minlength=len(logits)) / n


LOGITS = [1.0, -2.0, 3.0, 0.5, 2.9]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_draws_follow_the_softmax_at_the_temperature(temperature):
    expected = torch.tensor(LOGITS).double().div(temperature).softmax(0).numpy()
    assert frequencies(LOGITS, Sampling(temperature)) == pytest.approx(expected, abs=1e-4)


def test_top_k_keeps_the_k_likeliest():
    shares = frequencies(LOGITS, Sampling(1.0, top_k=2))
    odds = np.exp(3.0 - 2.9)
    assert shares == pytest.approx([0, 0, odds / (1 + odds), 0, 1 / (1 + odds)], abs=1e-4)
    assert (frequencies(LOGITS, Sampling(1.0, top_k=99)) > 0).all()


@pytest.mark.parametrize(
    ("top_p", "kept"),
    # probabilities .5, .3, .15, .05 at ids 1, 3, 0, 2
    [(0.4, {1}), (0.5, {1}), (0.51, {1, 3}), (0.8, {1, 3}), (0.9, {0, 1, 3}), (1.0, {0, 1, 2, 3})],
)
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p, kept):
    probabilities = np.array([0.15, 0.5, 0.05, 0.3])
    # a hair more than the sum, so that rounding decides nothing at the edges
    shares = frequencies(np.log(probabilities).tolist(), Sampling(1.0, top_p=top_p - 1e-6))
    assert {i for i, share in enumerate(shares) if share} == (kept if top_p < 1 else {0, 1, 2, 3})
    support = np.where(np.isin(range(4), list(kept)), probabilities, 0)
    assert shares == pytest.approx(support / support.sum(), abs=1e-3)


def test_temperature_comes_before_the_nucleus():
    """At temperature 3 the distribution is flat enough for a third token to enter."""
    logits = np.log([0.7, 0.2, 0.1]).tolist()
    assert (frequencies(logits, Sampling(1.0, top_p=0.8)) > 0).tolist() == [True, True, False]
    assert (frequencies(logits, Sampling(3.0, top_p=0.8)) > 0).all()


def test_temperature_zero_is_the_likeliest_and_the_lowest_of_equals():
    logits = torch.tensor([[0.0, 2.0, 2.0], [5.0, 1.0, 9.0]])
    noise = torch.tensor([0.99, 0.0], dtype=torch.float64)
    assert draw(logits, noise, GREEDY, 3).tolist() == [1, 2]
    assert draw(logits, noise, GREEDY, 2).tolist() == [1, 0]


def test_the_edges_of_the_noise_name_tokens():
    logits = torch.tensor([[-1e9, 0.0, 0.0, -1e9]]).expand(2, -1)
    noise = torch.tensor([0.0, np.nextafter(1, 0)], dtype=torch.float64)
    assert draw(logits, noise, SAMPLED, 4).tolist() == [1, 2]


@given(st.lists(st.integers(0, 2), max_size=8), st.integers(0, 2))
def test_a_marker_is_looked_at_before_eos(ids, eos):
    found = split_at_end(ids, [(), (1, 2), (2,)], frozenset([eos]))
    if ids[-2:] == [1, 2]:
        assert found == Completion(tuple(ids[:-2]), (1, 2), "marker")
    elif ids[-1:] == [2]:
        assert found == Completion(tuple(ids[:-1]), (2,), "marker")
    elif ids[-1:] == [eos]:
        assert found == Completion(tuple(ids[:-1]), (eos,), "eos")
    else:
        assert found is None


# ------------------------------------------------------------------ loading


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("loading"), "llama", window=64)


def loaded(directory, context=None, **loading):
    return load(directory, Loading(device="cpu", **loading), GREEDY, 2, context)


def test_the_context_is_the_window_unless_said(llama):
    assert loaded(llama).context == 64
    assert loaded(llama, context=32).context == 32
    with pytest.raises(ThinkscaleError, match=r"`context` is 65, the model's window is 64"):
        loaded(llama, context=65)


def test_dtype_is_the_checkpoint_s_unless_said(llama):
    assert loaded(llama).model.dtype == torch.float32
    assert loaded(llama, dtype="bfloat16").model.dtype == torch.bfloat16


def copied(llama, to: Path, without=()) -> Path:
    to.mkdir()
    for file in llama.iterdir():
        if file.name not in without:
            (to / file.name).write_bytes(file.read_bytes())
    return to


def test_every_eos_of_the_generation_config_ends_a_turn(llama, tmp_path):
    directory = copied(llama, tmp_path / "m")
    (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 9]}))
    engine = loaded(directory)
    assert engine.eos == {5, 9, engine.tokenizer.eos_token_id}


def test_missing_or_broken_weights_are_one_message(llama, tmp_path):
    directory = copied(llama, tmp_path / "none", without=["model.safetensors"])
    with pytest.raises(ThinkscaleError, match="none: cannot load the model"):
        loaded(directory)
    torch.save({}, directory / "pytorch_model.bin")
    with pytest.raises(ThinkscaleError, match="none: cannot load the model"):
        loaded(directory)
    (directory / "model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ThinkscaleError, match="none: cannot load the model"):
        loaded(directory)
    with pytest.raises(ThinkscaleError, match="nowhere: cannot load the model"):
        loaded(tmp_path / "nowhere")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_one_message(llama):
    with pytest.raises(ThinkscaleError, match=r"`device` is cuda:0, but torch sees no GPU"):
        load(llama, Loading(device="cuda:0"), GREEDY, 2)


def test_an_unknown_device_is_one_message(llama):
    with pytest.raises(ThinkscaleError, match=r"`device` is 'gpu'; expected auto, cpu, cuda"):
        load(llama, Loading(device="gpu"), GREEDY, 2)


def test_running_a_models_own_code_is_said_aloud(tmp_path):
    directory = tiny.save(tmp_path / "model", "llama")
    with pytest.warns(UserWarning, match="trust_remote_code"):
        load(directory, Loading("float32", "cpu", trust_remote_code=True), Sampling(), 4)
