"""The vLLM engine beside the transformers engine; what every engine holds to is asked elsewhere.

`make test-vllm` runs what needs vLLM, in an environment of its own.
"""

import importlib.util
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from pydantic import ValidationError

import tiny
from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.engines import vllm as engine
from thinkscale.engines.base import Request, Sampling, noise_key
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import checkpoint_of, prepare, run
from thinkscale.models.registry import register

RESOURCES = Path(__file__).parents[3] / "resources/calibration"
SWEEP = Conditions(max_think=[0, 8, 16, 24, 32, 48], min_think=[40], waits=[1, 2]).model_dump()
MODELS = ("reasoner", "base")
NEAR = 0.01  # nats between the two likeliest tokens
needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None,
    reason="vLLM has an environment of its own: `make test-vllm`",
)


@dataclass(frozen=True)
class Said:
    """What an engine said greedily to every (item, condition), and how it is asked again."""

    ready: object
    chains: dict
    answers: dict


def said(name: str, model: str, directory: Path, items: int) -> Said:
    inference = Inference(
        engine=name, dtype="float32", device="cpu", temperature=0, max_answer_tokens=8,
        memory=0.2, prompt={
            "template": "{stem}\n{options}", "option": " {label}){text}", "separator": "",
        },
        thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"},
    )  # fmt: skip
    record = register(model, RESOURCES / model)
    ready = prepare(record, generate_bank(items, seed=7), inference, SWEEP, seed=1)
    thought, _ = run(ready, directory / f"{name}-{model}", 0, 1)
    rows = thought.responses.set_index(["item_id", "condition"])
    chains = {
        key: [i for part in segments for i in part["token_ids"]]
        for key, segments in thought.chains.set_index("item_id")["segments"].items()
    }
    return Said(
        ready,
        chains,
        dict(
            zip(rows.index, zip(rows["think_text"], rows["answer_text"], strict=True), strict=True)
        ),
    )


# vLLM for CPUs does not open where numba is loaded, which the transformers engine brings in: so
# vLLM comes first in this file.


@needs_vllm
def test_ids_that_name_no_token_are_not_sampled(tmp_path):
    """Of a random model with a padded vocabulary, which would take them as often as others."""
    directory = tiny.save(tmp_path, "qwen2")
    checkpoint = checkpoint_of({"directory": directory}, Inference(device="cpu"))
    settings = Inference(device="cpu", engine="vllm", memory=0.05).model_dump()
    opened = engine.open_engine(checkpoint, Sampling(), settings)
    request = Request((5, 6, 7), 60, (), b"", 0)
    for n in range(8):
        opened.submit(n, replace(request, noise=noise_key(1, "row", n)))
    done = []
    while len(done) < 8:
        done += opened.step()
    drawn = [token for _, completion in done for token in completion.ids]
    assert len(drawn) > 100 and max(drawn) < len(checkpoint.tokenizer)


@pytest.fixture(scope="module")
def by_vllm(tmp_path_factory):
    directory = tmp_path_factory.mktemp("vllm")
    return {model: said("vllm", model, directory, 60) for model in MODELS}


@needs_vllm
@pytest.mark.dear
@pytest.mark.parametrize("model", MODELS)
def test_greedy_it_says_what_transformers_says_but_for_near_ties(model, by_vllm, tmp_path, capsys):
    theirs = by_vllm[model]
    ours = said("transformers", model, tmp_path, 60)
    assert theirs.answers.keys() == ours.answers.keys()
    differing = [key for key, value in ours.answers.items() if theirs.answers[key] != value]
    share = 1 - len(differing) / len(ours.answers)
    with capsys.disabled():
        print(f"\n{model}: {share:.2%} of {len(ours.answers)} (item, condition) pairs are equal")
    assert share >= 0.98
    reading = ours.ready.open()
    for item in {item for item, _ in differing}:
        a, b = ours.chains[item], theirs.chains[item]
        place = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
        assert place is not None, f"{item}: the thinking is the same, the answers are not"
        prompt = (*ours.ready.work.prompts[item], *a[:place])
        key = noise_key(1, item, 0)
        reading.submit(item, Request(prompt, 0, (), key, 0, read=((a[place],), (b[place],))))
        while not (done := reading.step()):
            pass
        first, second = done[0][1].logprobs
        with capsys.disabled():
            print(f"{item}, token {place}: {first - second:.2g} nats apart")
        assert abs(first - second) < NEAR
        reading.release(key)


def test_where_it_is_not_installed_the_error_says_how_to(monkeypatch):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(engine, "version", missing)
    with pytest.raises(ThinkscaleError, match="needs the package vllm, which is not installed"):
        engine.versions()


def test_places_to_read_at_are_those_from_which_continuations_go_on(monkeypatch):
    monkeypatch.setattr(engine, "_READ_AT_ONCE", 2)
    read = ((1,), (1, 2), (3,), (4,), (1, 2, 5))
    assert list(engine._places(read)) == [
        ((), (1, 3)), ((), (4,)), ((1,), (2,)), ((1, 2), (5,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"quantization": "8bit"}, "no `quantization` or `device_map` with vllm"),
        ({"device_map": "auto"}, "no `quantization` or `device_map` with vllm"),
        ({"device": "cuda:1"}, "CUDA_VISIBLE_DEVICES"),
        ({"vllm": {"memory_share": 1.5}}, "memory_share"),
        ({"vllm": {"tensor_parallel": 0}}, "tensor_parallel"),
    ],
)
def test_what_it_does_not_take_is_refused_in_the_study(given, expected):
    with pytest.raises(ValidationError, match=expected):
        Inference(engine="vllm", **given)
