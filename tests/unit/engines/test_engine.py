"""The transformers engine on tiny random models: one stream, one tree of tokens a row."""

import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GptOssConfig,
    MambaConfig,
    MistralConfig,
)

import tiny
from thinkscale.engines.base import Completion, Request, noise_key
from thinkscale.engines.transformers import stream
from thinkscale.engines.transformers.attention import ATTENTION
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.engines.transformers.stream import Settings, Stream
from thinkscale.engines.transformers.supported import check_supported
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.budget import Forcing
from thinkscale.thinking.conditions import Condition, sweep
from thinkscale.thinking.prompts import encode
from thinkscale.thinking.think import think

GREEDY, SAMPLED = Sampling(temperature=0), Sampling(temperature=1.0)


pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Loaded:
    """A tiny model, and the same with transformers' own attention to compare with."""

    model: torch.nn.Module
    plain: torch.nn.Module
    words: tiny.PreTrainedTokenizerFast

    def stream(self, sampling=SAMPLED, batch_size=4, memory=None, eos=(), lanes=True) -> Stream:
        """lanes: whether it may compute as CPUs do, where it can; elsewhere it is in panels."""
        ends = frozenset(eos or [self.words.eos_token_id])
        settings = Settings(sampling, ends, len(self.words), batch_size, memory)
        engine = Stream(self.model, settings)
        engine.tree.in_lanes &= lanes
        return engine


# How attention is computed: torch's kernels, ours on a CPU, plain products.
WAYS = {"lanes": ("sdpa", True), "panels": ("sdpa", False), "eager": ("eager", False)}


def load(directory: Path, attention="sdpa") -> Loaded:
    model, plain = (
        AutoModelForCausalLM.from_pretrained(directory, attn_implementation=name).eval()
        for name in (ATTENTION[attention], "eager")
    )
    return Loaded(model, plain, tiny.tokenizer())


@pytest.fixture(scope="module", params=tiny.CONFIGS)
def loaded(request, tmp_path_factory) -> Loaded:
    return load(tiny.save(tmp_path_factory.mktemp(request.param), request.param))


def asked(loaded, texts=("tell me", "a much longer prompt than that", "x", "2+2"), **changes):
    """A row for each text, 24 tokens long."""
    return [
        replace(Request(encode(loaded.words, text), 24, (), noise_key(1, text, 0), 0), **changes)
        for text in texts
    ]


def answered(engine, requests) -> list[Completion]:
    """Completions in the order of the requests, without their times."""
    left = Counter(request.noise for request in requests)
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    done = {}
    while len(done) < len(requests):
        for ticket, completion in engine.step():
            assert ticket not in done
            done[ticket] = replace(completion, seconds=0.0)
            left[requests[ticket].noise] -= 1
            if not left[requests[ticket].noise]:
                engine.release(requests[ticket].noise)
    return [done[ticket] for ticket in range(len(requests))]


def generated(loaded, request) -> list[int]:
    """What transformers' own `generate` says to one prompt, greedily."""
    prompt = torch.tensor([request.prompt])
    return loaded.plain.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=request.max_new,
        # generate does not know of padded vocabularies
        suppress_tokens=list(range(len(loaded.words), loaded.model.config.vocab_size)),
    )[0, prompt.shape[1] :].tolist()


# ------------------------------------------------------------------ decoding


def test_greedy_tokens_are_those_of_generate(loaded):
    requests = asked(loaded)
    completions = answered(loaded.stream(GREEDY), requests)
    for request, completion in zip(requests, completions, strict=True):
        assert [*completion.ids, *completion.end_ids] == generated(loaded, request)
    assert len({completion.ids for completion in completions}) > 1


@pytest.mark.parametrize("attention", ATTENTION)
def test_sliding_windows_count_tokens_and_not_columns(attention, tmp_path):
    """Forks lie in whatever columns are free; a window of 8 must still be the last 8 of a path."""
    words = tiny.tokenizer()
    config = MistralConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=512,
        sliding_window=8, initializer_range=0.4, bos_token_id=None,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    loaded = load(tmp_path, attention)
    beginning = "the beginning they all share, "
    requests = asked(loaded, [beginning + end for end in ("", "a", "bcd", "the end of it")])
    requests = [replace(request, noise=b"row" * 5) for request in requests]
    completions = answered(loaded.stream(GREEDY), requests)
    for request, completion in zip(requests, completions, strict=True):
        assert [*completion.ids, *completion.end_ids] == generated(loaded, request)


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_all_ways_to_compute_attention_say_the_same(kind, tmp_path):
    directory, said = tiny.save(tmp_path, kind), []
    for attention, lanes in WAYS.values():
        loaded = load(directory, attention)
        assert loaded.stream(lanes=lanes).tree.in_lanes == lanes
        said.append(spoken(loaded, SWEEP, lanes=lanes)[1])
    assert said[0].equals(said[1]) and said[0].equals(said[2])


SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
}


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1), "linear_attention"),
        (Gemma2Config(**SMALL, attn_logit_softcapping=5.0), "softcap"),
        (GptOssConfig(**SMALL, num_local_experts=2, num_experts_per_tok=1), "s_aux"),
        (BloomConfig(vocab_size=50, hidden_size=16, n_layer=1, n_head=2), "attention of its own"),
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)
def test_an_architecture_that_is_not_supported_says_so(config, found):
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(ThinkscaleError, match=found):
        if model._supports_attention_backend:
            model.set_attn_implementation(ATTENTION["sdpa"])
        check_supported(model, model.device)


@pytest.mark.parametrize("kind", ["gpt2", "opt", "gemma3_text", "phi3", "olmo2"])
def test_other_architectures_compute_the_same(kind):
    """Where they are taken at all, they are right; learned positions and odd norms among them."""
    config = AutoConfig.for_model(kind, **{**SMALL, "num_key_value_heads": 1})
    model = AutoModelForCausalLM.from_config(config, attn_implementation=ATTENTION["sdpa"]).eval()
    try:
        check_supported(model, model.device)
    except ThinkscaleError as error:
        pytest.fail(str(error))


def test_sampled_tokens_depend_on_the_row_alone(loaded):
    requests = asked(loaded, [f"prompt {'very ' * n}{n}" for n in range(7)])
    requests[3] = replace(requests[3], max_new=5)
    requests[4] = replace(requests[4], stops=(encode(loaded.words, "e"),))
    expected = answered(loaded.stream(), requests)
    assert len({completion.ids for completion in expected}) == len(requests)
    for batch_size in (1, 2, 7, 100):
        assert answered(loaded.stream(batch_size=batch_size), requests) == expected
    places = list(range(len(requests)))
    random.Random(0).shuffle(places)
    shuffled = answered(loaded.stream(), [requests[i] for i in places])
    assert shuffled == [expected[i] for i in places]
    assert answered(loaded.stream(), requests[2:3]) == expected[2:3]  # without the others


def test_a_row_goes_on_where_it_was_cut(loaded):
    """The same noise by position: two requests of 10 tokens are one of 20."""
    [whole] = answered(loaded.stream(), asked(loaded, ["go on"], max_new=20, noise=b"k" * 16))
    [first] = answered(loaded.stream(), asked(loaded, ["go on"], max_new=10, noise=b"k" * 16))
    prompt = encode(loaded.words, "go on") + first.ids
    [second] = answered(loaded.stream(), [Request(prompt, 10, (), b"k" * 16, 10)])
    assert first.ids + second.ids == whole.ids
    [other] = answered(loaded.stream(), asked(loaded, ["go on"], max_new=20, noise=b"j" * 16))
    assert other.ids != whole.ids


def test_stop_sequences_of_several_tokens(loaded):
    [free] = answered(loaded.stream(), asked(loaded, ["stop"], noise=b"s" * 16))
    marker = free.ids[9:12]
    first = next(n for n in range(24) if free.ids[n : n + 3] == marker)
    never = (free.ids[3], free.ids[3] + 1, free.ids[3])
    stopped = asked(loaded, ["stop"], noise=b"s" * 16, stops=(never, marker))
    [completion] = answered(loaded.stream(), stopped)
    assert completion == Completion(free.ids[:first], marker, "marker")
    assert completion.sampled == first + 3
    # The limit comes before the whole marker does: what was sampled of it is kept, and no end.
    [cut] = answered(loaded.stream(), [replace(stopped[0], max_new=first + 2)])
    assert cut == Completion(free.ids[: first + 2], (), "length")


def test_eos_ends_a_row(loaded):
    requests = asked(loaded, [f"end {n}" for n in range(20)], max_new=60)
    favoured = loaded.words.convert_tokens_to_ids("q")
    done = answered(loaded.stream(eos=[favoured]), requests)
    assert {c.stop for c in done} >= {"eos"}
    assert all(c.end_ids == (favoured,) for c in done if c.stop == "eos")
    assert not any(favoured in completion.ids for completion in done)


def test_no_tokens_asked_for(loaded):
    requests = asked(loaded, max_new=0)
    engine = loaded.stream()
    assert answered(engine, requests) == [Completion((), (), "length")] * len(requests)
    assert engine.usage().passes == 0
    # A row that is known already, and has nothing on its way.
    assert answered(engine, [replace(requests[0], max_new=2)])[0].sampled
    engine.submit("kept", replace(requests[1], max_new=1))
    assert engine.step()[0][0] == "kept"
    engine.submit("none", requests[1])
    assert engine.step() == [("none", Completion((), (), "length"))]
    mixed = [replace(requests[0], max_new=3, noise=b"m" * 16), requests[1]]
    assert [len(c.ids) for c in answered(loaded.stream(), mixed)] == [3, 0]


def test_ids_beyond_the_tokenizer_are_never_sampled(loaded):
    """Even where the model would: its rows of padding are made the likeliest by far."""
    size = len(loaded.words)
    head = loaded.model.get_output_embeddings()
    kept = head.weight.detach().clone()
    assert head.weight.shape[0] == size + tiny.PADDING
    try:
        with torch.no_grad():
            head.weight[size:] = 50 * head.weight[:1]
            head.weight[size + 1 :] = -50 * head.weight[:1]
        for sampling in (GREEDY, SAMPLED, Sampling(2.0, 0.9, 5)):
            done = answered(loaded.stream(sampling), asked(loaded))
            assert max(max(c.ids, default=0) for c in done) < size
    finally:
        with torch.no_grad():
            head.weight.copy_(kept)


# ------------------------------------------------------------------ what it costs


def test_what_forks_share_is_run_once(loaded):
    """A chain of 24 tokens and five answers from its prefixes: each token is run once."""
    engine = loaded.stream(eos=[-1])
    [request] = asked(loaded, ["think about it"])
    engine.submit("chain", request)
    while not (ended := engine.step()):
        pass
    thought = ended[0][1].ids
    end = encode(loaded.words, "|So:")
    for length in (0, 5, 11, 20, 24):
        prompt = request.prompt + thought[:length] + end
        engine.submit(length, Request(prompt, 6, (), request.noise, 100))
    forks = {}
    while len(forks) < 5:
        forks |= dict(engine.step())
    # The last token of the chain and of every answer is drawn but not run; the last fork runs it.
    run = len(request.prompt) + 23 + 5 * (len(end) + 5) + 1
    assert engine.usage().fed == run
    assert engine.usage().sampled == 24 + 5 * 6
    for length, fork in forks.items():
        alone = Request(request.prompt + thought[:length] + end, 6, (), request.noise, 100)
        [expected] = answered(loaded.stream(eos=[-1]), [alone])
        assert fork.ids == expected.ids


def samples(loaded, texts, count, **changes):
    """Several rows for each text, apart in their noise alone."""
    return [
        replace(request, noise=noise_key(1, text, sample))
        for text in texts
        for sample in range(count)
        for request in asked(loaded, [text], **changes)
    ]


PROMPTS = (
    "one of the prompts, rather long",
    "x",
    "another prompt of some length, but not the same",
)


@pytest.mark.parametrize("way", WAYS)
def test_a_prompt_is_run_once_for_all_its_samples(way, tmp_path):
    attention, lanes = WAYS[way]
    loaded = load(tiny.save(tmp_path, "qwen2"), attention)
    requests = samples(loaded, PROMPTS, 5, max_new=8)
    engine = loaded.stream(batch_size=15, eos=[-1], lanes=lanes)
    found = answered(engine, requests)
    # A sample's own are the last token of its prompt and what it drew, but for the last of that.
    prompts = {request.prompt for request in requests}
    assert engine.usage().fed == sum(len(prompt) - 1 for prompt in prompts) + 15 * 8
    assert len({completion.ids for completion in found}) == 15
    for request, completion in zip(requests, found, strict=True):
        assert answered(loaded.stream(eos=[-1], lanes=lanes), [request]) == [completion]


def test_a_prompt_of_one_token_has_nothing_to_share(loaded):
    requests = samples(loaded, ["x"], 3, max_new=5)
    engine = loaded.stream(eos=[-1])
    found = answered(engine, requests)
    assert engine.usage().fed == 3 * 5
    assert found == [answered(loaded.stream(eos=[-1]), [request])[0] for request in requests]


def test_a_prompt_is_run_once_where_the_first_sample_ends_with_it(loaded):
    """Its row is released with its first token, before the others have begun."""
    requests = samples(loaded, PROMPTS[:1], 4, max_new=1)
    engine = loaded.stream(eos=[-1])
    found = answered(engine, requests)
    assert engine.usage().fed == len(requests[0].prompt) + 3
    assert found == [answered(loaded.stream(eos=[-1]), [request])[0] for request in requests]


@pytest.mark.parametrize("way", WAYS)
def test_sharing_a_prompt_changes_nothing(way, tmp_path, monkeypatch):
    """Whoever ran it, in pieces or at once, while rows come and go or are put off."""
    attention, lanes = WAYS[way]
    loaded = load(tiny.save(tmp_path, "llama"), attention)
    requests = samples(loaded, PROMPTS, 6)
    requests = [replace(request, max_new=3 + 17 * n % 60) for n, request in enumerate(requests)]
    whole = loaded.stream(batch_size=18, eos=[-1], lanes=lanes)
    expected = answered(whole, requests)
    for batch_size in (1, 2, 5):
        stream_of = loaded.stream(batch_size=batch_size, eos=[-1], lanes=lanes)
        assert answered(stream_of, requests) == expected
    little = loaded.stream(batch_size=18, memory=whole.tree.bytes() // 4, eos=[-1], lanes=lanes)
    assert answered(little, requests) == expected
    assert little.usage().fed > whole.usage().fed  # some were put off, and began again
    monkeypatch.setattr(stream, "_PASS_TOKENS", 9)
    assert answered(loaded.stream(batch_size=18, eos=[-1], lanes=lanes), requests) == expected


def test_a_row_that_ends_is_replaced_in_the_next_pass(loaded):
    """One long row and many short ones in two slots: the short ones do not wait for the long."""
    lengths = [40, *[4] * 10]
    requests = [
        replace(request, max_new=length)
        for request, length in zip(
            asked(loaded, [f"row {n}" for n in range(11)]), lengths, strict=True
        )
    ]
    engine = loaded.stream(batch_size=2, eos=[-1])
    answered(engine, requests)
    assert engine.usage().sampled == sum(lengths)
    assert engine.usage().passes == 40  # ten rows of 4 beside one of 40


def test_seconds_are_shared_out_by_tokens(loaded):
    engine = loaded.stream()
    for ticket, request in enumerate(asked(loaded)):
        engine.submit(ticket, request)
    done = {}
    while len(done) < 4:
        done |= dict(engine.step())
    total = sum(completion.seconds for completion in done.values())
    assert all(completion.seconds > 0 for completion in done.values())
    assert 0.5 * engine.usage().seconds < total <= engine.usage().seconds


def test_long_prompts_are_run_in_pieces(loaded, monkeypatch):
    texts = [f"{n} " + "word " * n * 7 for n in range(6)]
    requests = [
        request
        for text in texts
        for end in ("", "!", " and so on")
        for request in asked(loaded, [text + end], noise=noise_key(0, text, 0))
    ]
    expected = answered(loaded.stream(), requests)
    monkeypatch.setattr(stream, "_PASS_TOKENS", 9)
    assert answered(loaded.stream(), requests) == expected


# ------------------------------------------------------------------ reading


CONTINUATIONS = ("A", " A", " B", "10", "1", "100", " Aa", "the label")


def reading(loaded, texts, continuations=CONTINUATIONS) -> list[Request]:
    """Requests to read: a byte is a token, so that most continuations take several."""
    read = tuple(encode(loaded.words, continuation) for continuation in continuations)
    return asked(loaded, texts, max_new=0, read=read)


@torch.inference_mode()
def plainly_read(loaded, request) -> list[float]:
    """A plain forward pass for each continuation, all of it behind the prompt at once."""
    found = []
    for ids in request.read:
        logits = loaded.plain(torch.tensor([[*request.prompt, *ids]])).logits[0]
        behind = logits[len(request.prompt) - 1 : -1, : len(loaded.words)].double().log_softmax(-1)
        found.append(float(behind.gather(1, torch.tensor(ids).unsqueeze(1)).sum()))
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_what_is_read_is_what_a_plain_pass_says(kind, way, tmp_path):
    """Alone, side by side, and where the row's own answer is drawn in the same pass."""
    attention, lanes = WAYS[way]
    loaded = load(tiny.save(tmp_path, kind), attention)
    texts = ["tell me: ", "a much longer prompt than that", "x", "2+2 is 4"]
    requests = reading(loaded, texts)
    expected = [pytest.approx(plainly_read(loaded, request), abs=1e-4) for request in requests]
    alone = [answered(loaded.stream(lanes=lanes), [request])[0] for request in requests]
    together = answered(loaded.stream(lanes=lanes), [*asked(loaded, texts), *requests])[4:]
    for found in (alone, together):
        assert [completion.logprobs for completion in found] == expected
        assert {completion.sampled for completion in found} == {0}


@pytest.mark.parametrize("kind", ["gpt2", "gemma3_text", "olmo2"])
def test_other_architectures_are_read_alike(kind):
    shape = {**SMALL, "num_key_value_heads": 1, "vocab_size": len(tiny.tokenizer())}
    ours, plain = (
        AutoModelForCausalLM.from_config(
            AutoConfig.for_model(kind, **shape), attn_implementation=name
        ).eval()
        for name in (ATTENTION["sdpa"], "eager")
    )
    plain.load_state_dict(ours.state_dict())
    loaded = Loaded(ours, plain, tiny.tokenizer())
    [request] = reading(loaded, ["is it A?"])
    [completion] = answered(loaded.stream(), [request])
    assert completion.logprobs == pytest.approx(plainly_read(loaded, request), abs=1e-4)


def test_all_continuations_are_read_in_the_pass_that_runs_the_prompt(loaded):
    [request] = reading(loaded, ["a prompt"], ["A", "B", " A", " B", "10", "1"])
    engine = loaded.stream()
    [completion] = answered(engine, [request])
    took = engine.usage()
    assert (took.passes, took.sampled) == (1, 0)
    assert took.fed == len(request.prompt) + 2  # " " and "1", each behind the prompt
    assert completion.stop == "length" and completion.logprobs[4] < completion.logprobs[5]


def test_reading_changes_no_token_that_is_sampled(loaded):
    texts = [f"prompt {'very ' * n}{n}" for n in range(5)]
    requests = asked(loaded, texts)
    expected = answered(loaded.stream(), requests)
    mixed = [
        request for pair in zip(reading(loaded, texts), requests, strict=True) for request in pair
    ]
    assert answered(loaded.stream(batch_size=3), mixed)[1::2] == expected


def test_what_was_read_stays_read_where_a_row_is_put_off(loaded, monkeypatch):
    """Passes of three tokens at a time, and all rows sent back to wait after the fifth."""
    requests = reading(loaded, ["one prompt", "two prompts", "three"])
    expected = [pytest.approx(plainly_read(loaded, request), abs=1e-4) for request in requests]
    monkeypatch.setattr(stream, "_PASS_TOKENS", 3)
    engine = loaded.stream()
    run, runs = engine._run, []

    def failing(packed):
        runs.append([bool(leaf.reading.found) for _, leaf, _ in packed.taken])
        if len(runs) == 6:
            raise RuntimeError("can't allocate memory")
        return run(packed)

    engine._run = failing
    with pytest.warns(UserWarning, match="out of memory"):
        found = answered(engine, requests)
    assert [completion.logprobs for completion in found] == expected
    assert any(map(any, runs[:5]))  # some of it was read before


def test_a_request_reads_or_samples():
    with pytest.raises(ValueError, match="samples 3 tokens"):
        Request((1,), 3, (), b"", 0, read=((2,),))
    with pytest.raises(ValueError, match="without a token"):
        Request((1,), 0, (), b"", 0, read=((),))


# ------------------------------------------------------------------ memory


def test_memory_stays_within_its_limit_and_changes_nothing(loaded):
    requests = asked(loaded, [f"memory {'long ' * (n % 5)}{n}" for n in range(16)], max_new=60)
    free = loaded.stream(batch_size=16, eos=[-1])
    expected = answered(free, requests)
    limit = free.tree.bytes() // 4
    engine = loaded.stream(batch_size=16, memory=limit, eos=[-1])
    seen, step = [], engine.step

    def watched():
        ended = step()
        seen.append((engine.tree.bytes(), len(engine.rows)))
        return ended

    engine.step = watched
    assert answered(engine, requests) == expected
    assert max(size for size, _ in seen) <= limit
    # Rows began side by side, and some were put off when the others grew.
    assert max(rows for _, rows in seen) > 4
    assert engine.usage().sampled == free.usage().sampled
    assert engine.usage().fed > free.usage().fed


def test_too_little_memory_for_one_row_is_an_error(loaded):
    engine = loaded.stream(memory=10_000, eos=[-1])
    with pytest.raises(ThinkscaleError, match=r"one row of \d+ tokens .* GiB .* `memory`"):
        answered(engine, asked(loaded, ["a prompt"], max_new=400))


OUT_OF_MEMORY = """
import resource, sys, warnings
sys.path[:0] = {path}
from pathlib import Path
import torch
torch.set_num_threads(1)
from test_engine import asked, answered, load, tiny
shape = dict(hidden_size=256, head_dim=64, num_hidden_layers=4, num_key_value_heads=4)
loaded = load(tiny.save(Path(sys.argv[1]), "llama", **shape))
requests = asked(loaded, [f"row {{n}} " + "words " * 15 for n in range(48)], max_new=4)
expected = answered(loaded.stream(batch_size=4, eos=[-1]), requests)
used = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + {room} * 2**20, resource.RLIM_INFINITY))
engine = loaded.stream(batch_size=48, memory=2**40, eos=[-1])
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    found = answered(engine, requests)
assert found == expected
print([str(w.message) for w in told if "out of memory" in str(w.message)])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on address space")
def test_out_of_memory_the_batch_shrinks_and_goes_on(tmp_path):
    """A process whose address space is limited for real: allocations fail until half is enough."""
    script = OUT_OF_MEMORY.format(path=[str(Path(__file__).parent), *sys.path], room=24)
    # Of what else its address space has: no space reserved for threads, what is freed goes back.
    spare = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, **spare},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "out of memory with 48 rows side by side; going on with 24" in done.stdout


# ------------------------------------------------------------------ forks and the ledger


def spoken(loaded, conditions, prompts=("one", "the second", "and a third one"), **options):
    """Responses under `conditions`. Random models end thinking at a vowel, about every tenth."""
    words = loaded.words
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
    engine = loaded.stream(
        options.pop("sampling", SAMPLED),
        options.pop("batch_size", 64),
        lanes=options.pop("lanes", True),
    )
    settings = {"samples": 3, "seed": 5, "context": 160, **options}
    thought = think("tiny", asked, conditions, engine, forcing, words.decode, **settings)
    assert not engine.rows and not engine.waiting  # every row was released
    return engine.usage(), thought.responses.drop(columns="seconds")


SWEEP = {
    **sweep(
        max_think=[0, 4, 12, 40], min_think=[15], waits=[1, 2], continuations=["Wait", "Hmm, no"]
    ),
    "waits=2;max=14": Condition(max_think=14, waits=2, continuation="Wait"),
}


@pytest.mark.parametrize("sampling", [SAMPLED, GREEDY], ids=["sampled", "greedy"])
def test_forks_are_what_the_condition_alone_gives(loaded, sampling):
    _, together = spoken(loaded, SWEEP, sampling=sampling)
    said = ["think_text", "answer_text", "think_tokens", "answer_tokens", "stop", "answer_stop"]
    said += ["think_natural", "think_injected", "waits_done", "alone_tokens", "forced_end_tokens"]
    assert together["stop"].nunique() > 1
    for name, condition in SWEEP.items():
        _, alone = spoken(loaded, {name: condition}, sampling=sampling)
        forked = together[together["condition"] == name].reset_index(drop=True)
        assert forked[said].equals(alone[said]), name


def test_sampled_tokens_are_charged_once(loaded):
    usage, responses = spoken(loaded, SWEEP)
    assert usage.sampled == responses["new_tokens"].sum() < responses["alone_tokens"].sum()
    for name in SWEEP:
        usage, rows = spoken(loaded, {c: SWEEP[c] for c in ("natural", name)})
        assert usage.sampled == rows["new_tokens"].sum()
        together, alone = (
            frame.loc[frame["condition"] == name, "alone_tokens"].tolist()
            for frame in (responses, rows)
        )
        assert together == alone


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 5, "in_flight": 7}])
def test_batch_size_and_rows_in_flight_do_not_change_what_is_said(loaded, options):
    _, expected = spoken(loaded, SWEEP)
    assert spoken(loaded, SWEEP, **options)[1].equals(expected)
