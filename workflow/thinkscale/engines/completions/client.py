"""Calls on a server: bounded in time, repeated where that can help, and told in one message."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from thinkscale.errors import ThinkscaleError

Result = TypeVar("Result")

_LONGEST = 60.0  # seconds between two attempts, unless the server asks for more
_BACKOFF = wait_exponential_jitter(multiplier=0.5, max=_LONGEST)
_PASSING = {408, 425, 429}  # besides those of 500 and above


class Lost(Exception):
    """A call that may well succeed when it is repeated.

    wait: seconds the server asks for. gone: whether the server itself may have gone.
    """

    def __init__(self, reason: str, wait: float = 0.0, gone: bool = True) -> None:
        super().__init__(reason)
        self.wait, self.gone = wait, gone


@dataclass(frozen=True)
class Server:
    """Where a server is and how it is called.

    model: the name it knows the model by; None where it has one alone. key_variable: names the
    environment variable that holds its key. timeout: seconds without a byte. attempts: of one
    call, the first among them.
    """

    url: str
    software: str
    model: str | None
    key_variable: str | None
    timeout: float
    attempts: int

    @property
    def key(self) -> str | None:
        """The key itself: read when it is needed, kept and shown nowhere.

        Raises ThinkscaleError if the variable is not set.
        """
        if self.key_variable is None:
            return None
        if not (key := os.environ.get(self.key_variable, "").strip()):
            raise ThinkscaleError(
                f"`inference.server.key_variable`: the environment variable {self.key_variable} "
                "is not set here; expected the server's key in it"
            )
        return key


class Client:
    """The calls that an engine makes on one server."""

    def __init__(self, server: Server, at_once: int) -> None:
        key = server.key
        self.server = server
        self._http = httpx2.AsyncClient(
            base_url=server.url.rstrip("/") + "/",
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            timeout=httpx2.Timeout(server.timeout, connect=min(server.timeout, 10.0), pool=None),
            limits=httpx2.Limits(max_connections=at_once + 1),
        )

    async def get(self, path: str) -> Any:
        """What the server answers, as JSON values; as `post`."""
        return await self._answer("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the server answers, as JSON values.

        Raises `Lost` where the call may be repeated, ThinkscaleError where that will not help.
        """
        return await self._answer("POST", path, body)

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The JSON objects of an answer that comes piece by piece, each on a line; as `post`.

        Lines may begin with `data:`, as those of server-sent events do. Leaving the iterator closes
        the connection, by which servers know that no more is wanted.
        """
        try:
            async with self._http.stream("POST", path, json=body) as response:
                if response.status_code != httpx2.codes.OK:
                    await response.aread()
                    self._refuse(path, response)
                async for line in response.aiter_lines():
                    if (text := line.removeprefix("data:").strip()).startswith("{"):
                        yield self._sound(path, json.loads(text))
        except (httpx2.TransportError, httpx2.StreamError, ValueError) as error:
            raise _lost(error) from error

    async def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        try:
            response = await self._http.request(method, path, json=body)
            if response.status_code != httpx2.codes.OK:
                self._refuse(path, response)
            return response.json()
        except (httpx2.TransportError, ValueError) as error:
            raise _lost(error) from error

    def _refuse(self, path: str, response: httpx2.Response) -> None:
        status = response.status_code
        said = f"{status} {response.reason_phrase}: {_short(response.text)}"
        if status >= 500 or status in _PASSING:
            wait = _seconds(response.headers.get("retry-after"))
            raise Lost(said, wait, gone=status >= 500)
        if status in (401, 403):
            own = self.server.key_variable
            held = "none is sent" if own is None else f"that of the variable {own} is not taken"
            said += f" (`inference.server.key_variable`, the key: {held})"
        if status == 404:
            said += f" (expected {self.server.software}, as `inference.server.software` says)"
        raise ThinkscaleError(f"{self.server.url}: {path}: the server refuses: {said}")

    def _sound(self, path: str, event: dict[str, Any]) -> dict[str, Any]:
        """An event, unless it tells of an error."""
        if error := event.get("error"):
            code = error.get("code") if isinstance(error, dict) else None
            if isinstance(code, int) and 400 <= code < 500 and code not in _PASSING:
                raise ThinkscaleError(
                    f"{self.server.url}: {path}: the server refuses: {_short(json.dumps(error))}"
                )
            raise Lost(_short(json.dumps(error)))
        return event

    async def repeated(
        self, call: Callable[[], Awaitable[Result]], again: Callable[[], Awaitable[None]]
    ) -> Result:
        """Make a call until it succeeds, as often as the server's `attempts` say.

        again: called before the next attempt where the server may have gone. Raises ThinkscaleError
        if all are lost.
        """
        lost: Lost | None = None

        async def attempt() -> Result:
            nonlocal lost
            try:
                if lost is not None and lost.gone:
                    await again()
                return await call()
            except Lost as error:
                lost = error
                raise

        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Lost),
            stop=stop_after_attempt(self.server.attempts),
            wait=_pause,
            reraise=True,
        )
        try:
            return await attempts(attempt)
        except Lost as error:
            raise ThinkscaleError(
                f"{self.server.url}: the server does not answer, asked {self.server.attempts} "
                f"times ({error}). What had ended is kept: see that the server is up "
                "(`inference.server.url`), and run the same command again to go on from there"
            ) from error


def _pause(state: RetryCallState) -> float:
    return max(_BACKOFF(state), state.outcome.exception().wait)


def _lost(error: Exception) -> Lost:
    """Their texts hold no header, and so no key."""
    return Lost(f"{type(error).__name__}: {_short(str(error))}".removesuffix(": "))


def _seconds(retry_after: str | None) -> float:
    """What the header asks for; it may name a date instead, which the backoff stands for."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:300]} …"
