"""Ollama: `/api/generate` with `raw`, which takes and gives text alone.

A prompt's text is tokenised again by the server, and an answer's here: what a token is may differ
on both ways. https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from thinkscale.engines.base import Completion, Ids, Model, Request, seed
from thinkscale.engines.completions.client import Client, Lost
from thinkscale.engines.completions.dialect import PROBES, Asking, Dialect, check_window, chosen
from thinkscale.errors import ThinkscaleError

_PATH = "api/generate"
_RAW = {"raw": True, "think": False}
_NEUTRAL = {
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "mirostat": 0,
    "num_keep": 0,
}


async def _sample(asking: Asking, request: Request) -> Completion:
    """Ask until the text has as many tokens as are wanted: the server may count them otherwise."""
    tokenizer, said = asking.model.tokenizer, ""
    stops = {tokenizer.decode(stop): stop for stop in request.stops}
    while True:
        before, begun = said, _ids(tokenizer, said)
        if len(begun) >= request.max_new:
            return Completion(begun[: request.max_new], (), "length")
        async with aclosing(_stream(asking, request, said, len(begun))) as pieces:
            async for text, ended in pieces:
                said += text
                if places := {said.find(stop): stop for stop in stops if stop in said}:
                    first = min(places)
                    end = stops[places[first]]
                    return _within(request, _ids(tokenizer, said[:first]), end, "marker")
                if ended:
                    end = (min(asking.model.eos),)
                    return _within(request, _ids(tokenizer, said), end, "eos")
        if said == before:
            raise Lost("an answer without text")


def _ids(tokenizer: Any, text: str) -> Ids:
    return tuple(tokenizer.encode(text, add_special_tokens=False))


def _within(request: Request, ids: Ids, end: Ids, stop: Literal["marker", "eos"]) -> Completion:
    """An end counts where there is room for it, as it does where tokens are exchanged."""
    if len(ids + end) > request.max_new:
        return Completion((ids + end)[: request.max_new], (), "length")
    return Completion(ids, end, stop)


async def _stream(
    asking: Asking, request: Request, said: str, begun: int
) -> AsyncIterator[tuple[str, bool]]:
    """Text as it comes, and whether the turn ended with it."""
    tokenizer, sampling = asking.model.tokenizer, asking.sampling
    prompt = tokenizer.decode(request.prompt, skip_special_tokens=False)
    place = replace(request, position=request.position + begun)
    options = {
        **_NEUTRAL,
        "num_predict": request.max_new - begun,
        "num_ctx": asking.model.context,
        "temperature": asking.temperature(request),
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": seed(place),
    }
    # The server puts the token that begins a text before it by itself.
    text = prompt.removeprefix(tokenizer.bos_token or "") + said
    body = {"model": asking.name, "prompt": text, "options": options, **_RAW, "stream": True}
    done = False
    async for event in asking.client.events(_PATH, body):
        done = event["done"]
        yield event.get("response", ""), done and event.get("done_reason") == "stop"
    if not done:
        raise Lost("the answer broke off")


async def _describe(client: Client, model: Model) -> tuple[str, Mapping[str, Any]]:
    cards = {card["name"]: card for card in (await client.get("api/tags"))["models"]}
    if (asked := client.server.model) is not None and f"{asked}:latest" in cards:
        cards[asked] = cards[f"{asked}:latest"]
    name = chosen(client, cards)
    info = (await client.post("api/show", {"model": name}))["model_info"]
    window = next((v for k, v in info.items() if k.endswith(".context_length")), None)
    check_window(client, window, model)
    await _check_counts(client, model, name)
    return name, {"name": name, "digest": cards[name].get("digest")}


async def _check_counts(client: Client, model: Model, name: str) -> None:
    """Raise ThinkscaleError unless texts have as many tokens as here, or each one more.

    That one is the token that begins a text.
    """
    differences = {}
    for text in PROBES:
        body = {"model": name, "prompt": text, "options": {"num_predict": 1}, **_RAW}
        answer = await client.post(_PATH, {**body, "stream": False})
        found, own = answer.get("prompt_eval_count"), len(_ids(model.tokenizer, text))
        if found is not None:  # a text that the server still has is not always counted
            differences[found - own] = f"{text!r} has {found} tokens there, and {own} by"
    if differences and set(differences) not in ({0}, {1}):
        raise ThinkscaleError(
            f"{client.server.url}: the server's tokenizer is another one: "
            f"{differences[max(differences, key=abs)]} the tokenizer of {model.path}; expected a "
            "server with the model of the study"
        )


OLLAMA = Dialect(exact=False, sample=_sample, read=None, describe=_describe)
