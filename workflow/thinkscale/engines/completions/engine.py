"""The engine of completion servers: requests side by side, each a call or a few."""

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from thinkscale.engines.base import Completion, Model, Openable, Request, Sampling, Usage
from thinkscale.engines.completions.client import Client, Server
from thinkscale.engines.completions.dialect import Asking, Dialect
from thinkscale.engines.completions.llama_cpp import LLAMA_CPP
from thinkscale.engines.completions.ollama import OLLAMA
from thinkscale.engines.completions.openai import SGLANG, VLLM
from thinkscale.errors import ThinkscaleError

NAME = "completions"
DIALECTS = {"vllm": VLLM, "sglang": SGLANG, "llama.cpp": LLAMA_CPP, "ollama": OLLAMA}
# A part of the journal's key, to be raised by one with every change after which a request may be
# given other tokens: of what servers are sent, of seeds, of where answers are cut.
_ASKING_VERSION = 1
_SEEN_SECONDS = 1.0  # no model is loaded in less


def openable(model: Model, sampling: Sampling, settings: Mapping[str, Any]) -> Openable:
    """See `registry.openable`; of the settings: `server`, and `batch_size` requests at once."""
    given = settings["server"]
    server = Server(**{own.name: given[own.name] for own in fields(Server)})
    dialect = DIALECTS[server.software]
    return Openable(
        name=NAME,
        exact_tokens=dialect.exact,
        identity={
            "asking": _ASKING_VERSION,
            "software": server.software,
            "model": server.model,
            "context": model.context if server.software == "ollama" else None,
        },
        versions="",
        device="server",
        open=partial(_open, model, sampling, server, settings["batch_size"]),
        reads=dialect.read is not None,
    )


def _open(model: Model, sampling: Sampling, server: Server, at_once: int) -> "Completions":
    """Call on the server, and see that it has the model. Raises ThinkscaleError if not."""
    return Completions(DIALECTS[server.software], Client(server, at_once), model, sampling, at_once)


class Completions:
    """Requests on their way to a server. See `Engine`.

    at_once: how many are with the server, at most. Where one fails for good, no other is begun;
    those on their way come to their ends, and are returned before the failure is raised.
    """

    name = NAME

    def __init__(
        self, dialect: Dialect, client: Client, model: Model, sampling: Sampling, at_once: int
    ) -> None:
        self.exact_tokens = dialect.exact
        self.requests = self.fed = self.sampled = 0
        self.seconds = 0.0
        self._dialect, self._client, self._model = dialect, client, model
        self._at_once = at_once
        self._waiting: deque[tuple[Hashable, Request]] = deque()
        self._on_their_way: dict[asyncio.Task, Hashable] = {}
        self._failure: BaseException | None = None
        self._shares = _Shares()
        self._seen, self._seeing = 0.0, asyncio.Lock()
        self._runner = asyncio.Runner()
        weakref.finalize(self, _close, self._runner)
        name, self._served = self._runner.run(client.repeated(self._described, self._nothing))
        self._asking = Asking(client, model, sampling, name)

    def submit(self, ticket: Hashable, request: Request) -> None:
        """See `Engine.submit`. Raises ThinkscaleError if it reads, and the server cannot."""
        if request.read and self._dialect.read is None:
            raise ThinkscaleError(
                f"{self._client.server.software} gives no probabilities of given text; expected "
                "`inference.readout`, and scorers that read, left out or another server"
            )
        self._waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Completion]]:
        """Wait until something ends. Raises ThinkscaleError once nothing more can."""
        began = time.perf_counter()
        try:
            return self._runner.run(self._ended())
        finally:
            self.seconds += time.perf_counter() - began

    def release(self, noise: bytes) -> None:
        """Nothing is kept for a row."""

    def usage(self) -> Usage:
        """passes: requests answered. fed: tokens of prompts and answers, cached or not."""
        return Usage(self.requests, self.fed, self.sampled, self.seconds)

    async def _ended(self) -> list[tuple[Hashable, Completion]]:
        while self._waiting and len(self._on_their_way) < self._at_once and not self._failure:
            ticket, request = self._waiting.popleft()
            self._on_their_way[asyncio.create_task(self._answer(request))] = ticket
        ended = []
        if self._on_their_way:
            done, _ = await asyncio.wait(self._on_their_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                ticket = self._on_their_way.pop(task)
                if (failure := task.exception()) is None:
                    ended.append((ticket, task.result()))
                else:
                    self._failure = self._failure or failure
        if self._failure and not ended and not self._on_their_way:
            raise self._failure
        return ended

    async def _answer(self, request: Request) -> Completion:
        if not request.read and request.max_new < 1:
            return Completion((), (), "length")
        ask = self._dialect.read if request.read else self._dialect.sample
        began = self._shares.price(+1)
        try:
            answer = await self._client.repeated(
                partial(self._understood, ask, self._asking, request), self._see_again
            )
        finally:
            seconds = self._shares.price(-1) - began
        self.requests += 1
        self.fed += len(request.prompt)
        if request.read:
            return Completion((), (), "length", logprobs=answer)
        self.fed += answer.sampled
        self.sampled += answer.sampled
        return replace(answer, seconds=seconds)

    async def _described(self) -> tuple[str, Mapping[str, Any]]:
        return await self._understood(self._dialect.describe, self._client, self._model)

    async def _understood(self, ask: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        server = self._client.server
        try:
            return await ask(*given)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ThinkscaleError(
                f"{server.url}: the server does not answer as {server.software} does "
                f"({type(error).__name__}: {error}); expected that, or another "
                "`inference.server.software`"
            ) from error

    async def _nothing(self) -> None:
        """Before the first look there is nothing to compare."""

    async def _see_again(self) -> None:
        """See that a server that was lost has come back with the same model."""
        async with self._seeing:
            if time.monotonic() - self._seen < _SEEN_SECONDS:
                return
            _, served = await self._described()
            if served != self._served:
                raise ThinkscaleError(
                    f"{self._client.server.url}: the server has another model now: found {served}, "
                    f"and the run began with {self._served}; expected the same to its end"
                )
            self._seen = time.monotonic()


def _close(runner: asyncio.Runner) -> None:
    """End what is still under way; but not in another loop, which allows none beside it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        runner.close()


@dataclass
class _Shares:
    """Time shared out equally, at each moment, among those that are under way."""

    under_way: int = 0
    _price: float = 0.0
    _since: float = 0.0

    def price(self, joining: int) -> float:
        """What one that was under way from the beginning has been charged, in seconds.

        joining: how many join from now on, or leave.
        """
        now = time.perf_counter()
        if self.under_way:
            self._price += (now - self._since) / self.under_way
        self._since = now
        self.under_way += joining
        return self._price
