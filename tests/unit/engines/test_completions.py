"""The engine of completion servers, against small ones that fail on demand."""

import itertools
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

import servers
from thinkscale.engines.base import Completion, Request, Sampling, noise_key, seed
from thinkscale.engines.completions import client, engine
from thinkscale.engines.registry import openable
from thinkscale.errors import ThinkscaleError

KINDS = ("vllm", "llama.cpp", "ollama")
EXACT = ("vllm", "llama.cpp")

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Model:
    path: Path
    tokenizer: Any
    eos: frozenset[int]
    context: int = 256


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(client, "_BACKOFF", wait_none())
    monkeypatch.setattr(engine, "_SEEN_SECONDS", 0.0)


@pytest.fixture(scope="module")
def model():
    words = servers.tokenizer()
    return Model(servers.REASONER, words, frozenset([words.eos_token_id]))


def opened(small, of, *, at_once=2, temperature=0.0, **server):
    settings = {"model": None, "key_variable": None, "timeout": 60.0}
    settings |= small.settings(**server) if isinstance(small, servers.Small) else small
    asked = {"server": settings, "batch_size": at_once}
    return openable("completions", of, Sampling(temperature), asked).open()


def request(model, text="3 + 4", most=12, item="a", **more) -> Request:
    prompt = tuple(model.tokenizer.encode(text, add_special_tokens=False))
    return Request(prompt, most, (), noise_key(1, item, 0), 0, **more)


def answers(engine, *requests) -> list[Completion]:
    for ticket, one in enumerate(requests):
        engine.submit(ticket, one)
    done = {}
    while len(done) < len(requests):
        done |= dict(engine.step())
    return [done[ticket] for ticket in range(len(requests))]


def drawn(completion: Completion) -> list[int]:
    return [*completion.ids, *completion.end_ids]


# ------------------------------------------------------------------ what is asked


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_it_says_what_the_model_says_whatever_the_server_s_defaults(model, kind, temperature):
    asked = request(model)
    said = servers.tokens(asked.prompt, Sampling(temperature), seed(asked))
    with servers.running(kind) as small:
        found = answers(opened(small, model, temperature=temperature), asked)[0]
    assert drawn(found) == list(itertools.islice(said, found.sampled))
    assert found.sampled > 3


@pytest.mark.parametrize("kind", EXACT)
def test_characters_spread_over_several_tokens_are_not_lost(model, kind):
    text = "1 ½ 數 🙂 é 2" * 3
    script = model.tokenizer.encode(text, add_special_tokens=False)
    with servers.running(kind, script=[*script, model.tokenizer.eos_token_id]) as small:
        found = answers(opened(small, model), request(model, most=200))[0]
    if kind == "vllm":
        assert drawn(found) == [*script, model.tokenizer.eos_token_id]
    assert model.tokenizer.decode(found.ids).startswith("1 ½ 數 🙂 é 2")


def test_a_server_may_count_tokens_otherwise_where_text_is_exchanged(model):
    """One that says single characters is asked until there are as many tokens as are wanted."""
    letters = [model.tokenizer.convert_tokens_to_ids(c) for c in "12345678" * 4]
    with servers.running("ollama", script=letters) as small:
        engine = opened(small, model)
        found = answers(engine, request(model, most=9))[0]
        assert not engine.exact_tokens
    assert len(found.ids) == 9 and found.stop == "length"


@pytest.mark.parametrize("kind", ["sglang", "ollama"])
def test_who_gives_no_probabilities_says_so_when_asked_to_read(model, kind):
    with servers.running(kind) as small:
        engine = opened(small, model)
        with pytest.raises(ThinkscaleError, match=f"{kind} gives no probabilities of given text"):
            engine.submit(0, request(model, most=0, read=((5,),)))


def test_time_is_shared_among_those_under_way(model):
    with servers.running("vllm") as small:
        engine = opened(small, model, at_once=4)
        found = answers(engine, *(request(model, item=str(n)) for n in range(6)))
        usage = engine.usage()
    assert 0 < sum(completion.seconds for completion in found) <= usage.seconds * 1.05
    assert usage.passes == 6
    assert usage.sampled == sum(completion.sampled for completion in found)


# ------------------------------------------------------------------ what befalls a server


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["429", "503", "drop", "close"])
def test_a_request_that_was_lost_is_sent_again_and_draws_the_same(model, kind, fault):
    asked = request(model, most=10)
    with servers.running(kind) as small:
        engine = opened(small, model, temperature=1.0)
        [expected] = answers(engine, asked)
        small.seen.clear()
        small.faults.extend([fault, fault])
        [found] = answers(engine, asked)
        sent = [body for body in small.seen if body.get("stream")]
    assert drawn(found) == drawn(expected)
    assert len(sent) == 3 and sent[0] == sent[1] == sent[2]


def test_a_server_that_hangs_is_asked_again(model):
    with servers.running("vllm", faults=servers.deque(["hang"])) as small:
        [found] = answers(opened(small, model, timeout=2.0), request(model))
    assert found.sampled > 3


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_stays_away_ends_the_run_once_what_is_under_way_has_ended(model, kind):
    with servers.running(kind) as small:
        engine = opened(small, model)
        small.seen.clear()
        small.faults.extend(["hold", "500", "500", "500", "500"])
        for n in range(4):
            engine.submit(n, request(model, item=str(n)))
        assert engine.step() == []  # one has failed for good, and one is still under way
        small.released.set()
        kept = []
        with pytest.raises(ThinkscaleError, match=r"does not answer, asked 4 times .500") as raised:
            while len(kept) < 4:
                kept += engine.step()
        sent = [body for body in small.seen if body.get("stream")]
    assert [ticket for ticket, _ in kept] in ([0], [1])
    assert len(sent) == 5  # of those that waited, none was begun
    assert "What had ended is kept" in str(raised.value)


def test_a_server_that_comes_back_with_another_model_ends_the_run(model):
    with servers.running("llama.cpp", faults=servers.deque(["replace"])) as small:
        engine = opened(small, model)
        with pytest.raises(ThinkscaleError, match=r"has another model now: found .*'reasoner 2'"):
            answers(engine, request(model))


# ------------------------------------------------------------------ what is seen before a run


def test_a_server_that_is_not_up_is_told(model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        server = {"url": url, "software": "vllm", "attempts": 2}
        with pytest.raises(ThinkscaleError, match=f"{url}: the server does not answer, asked 2"):
            opened(server, model)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("traits", "server", "said"),
    [
        ({}, {"model": "other"}, "server.model`: found 'other'; expected .* serves: reasoner"),
        ({"window": 255}, {}, "takes 255 tokens .* may ask for 256; expected `inference.context"),
        ({"shout": True}, {}, "the server's tokenizer is another one"),
        ({"script": [700] * 8}, {}, "the server says token 700, and the tokenizer of .* has 645"),
        ({"tokens": 600}, {}, "out of vocabulary|has 600 tokens, and the tokenizer of .* has 645"),
    ],
    ids=["name", "window", "tokenizer", "ids", "size"],
)
def test_a_server_that_is_not_the_study_s_is_told(model, kind, traits, server, said):
    if kind == "ollama" and traits.keys() & {"script", "tokens"}:
        pytest.skip("gives no ids")
    with servers.running(kind, **traits) as small, pytest.raises(ThinkscaleError, match=said):
        answers(opened(small, model, **server), request(model))


@pytest.mark.parametrize(
    ("is_", "asked_as", "said"),
    [
        ("llama.cpp", "vllm", "404 .*expected vllm, as `inference.server.software` says"),
        ("vllm", "llama.cpp", "404 .*expected llama.cpp"),
        ("vllm", "ollama", "404 .*expected ollama"),
        ("sglang", "sglang", "gives text and no token ids"),
    ],
)
def test_software_that_is_another_is_told(model, is_, asked_as, said):
    with servers.running(is_) as small, pytest.raises(ThinkscaleError, match=said):
        answers(opened(small, model, software=asked_as), request(model))


# ------------------------------------------------------------------ its key


def test_a_key_comes_from_the_environment_and_is_shown_nowhere(model, monkeypatch):
    with servers.running("vllm", key="s3cret") as small:
        with pytest.raises(ThinkscaleError, match=r"401 .*key_variable`, the key: none is sent"):
            opened(small, model)
        with pytest.raises(ThinkscaleError, match="the environment variable OWN_KEY is not set"):
            opened(small, model, key_variable="OWN_KEY")
        monkeypatch.setenv("OWN_KEY", "wr0ng")
        with pytest.raises(ThinkscaleError, match="variable OWN_KEY is not taken") as raised:
            opened(small, model, key_variable="OWN_KEY")
        monkeypatch.setenv("OWN_KEY", "s3cret\n")
        engine = opened(small, model, key_variable="OWN_KEY")
        assert answers(engine, request(model))[0].sampled > 3
        shown = [str(raised.value), repr(engine._client.server), str(engine.usage())]
    assert small.keys == {None, "Bearer wr0ng", "Bearer s3cret"}
    assert not any("s3cret" in text or "wr0ng" in text for text in shown)
