"""vLLM and SGLang: `/v1/completions`, with prompts and answers as token ids.

https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from thinkscale.engines.base import Completion, Ids, Model, Request, seed
from thinkscale.engines.completions.client import Client
from thinkscale.engines.completions.dialect import (
    Asking,
    Dialect,
    Piece,
    check_text,
    check_window,
    chosen,
    cut,
    probe_ids,
)
from thinkscale.errors import ThinkscaleError

_PATH = "v1/completions"
# A server may have other defaults, from the model's own generation_config.json.
_NEUTRAL = {
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


async def _sample(asking: Asking, request: Request) -> Completion:
    sampling = asking.sampling
    body = {
        **_NEUTRAL,
        "model": asking.name,
        "prompt": request.prompt,
        "max_tokens": request.max_new,
        "temperature": asking.temperature(request),
        "top_p": sampling.top_p,
        "top_k": sampling.top_k or -1,
        "seed": seed(request),
        "stop_token_ids": [stop[0] for stop in request.stops if len(stop) == 1],
        "return_token_ids": True,
        "skip_special_tokens": False,
        "stream": True,
    }
    pieces = _pieces(asking.client.events(_PATH, body), asking)
    return await cut(pieces, request, asking.model)


async def _pieces(events: AsyncIterator[dict[str, Any]], asking: Asking) -> AsyncIterator[Piece]:
    async for event in events:
        _check_name(event, asking.name)
        for choice in event["choices"]:
            yield Piece(_ids(choice), choice.get("finish_reason") == "stop")


def _ids(choice: Mapping[str, Any]) -> Ids:
    if (ids := choice.get("token_ids")) is None:
        raise ThinkscaleError(
            "the server gives text and no token ids (`return_token_ids`); expected a version of "
            "vLLM or SGLang that gives them, or another `inference.server.software`"
        )
    return tuple(ids)


def _check_name(event: Mapping[str, Any], name: str) -> None:
    if event.get("model", name) != name:
        raise ThinkscaleError(f"the server answers as {event['model']!r}; expected {name!r}")


async def _read(asking: Asking, request: Request) -> tuple[float, ...]:
    """Continuations are read as the end of a prompt, of which each token's probability is asked."""
    return tuple([await _read_one(asking, request.prompt, words) for words in request.read])


async def _read_one(asking: Asking, prompt: Ids, words: Ids) -> float:
    body = {
        **_NEUTRAL,
        "model": asking.name,
        "prompt": prompt + words,
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 0,
    }
    answer = await asking.client.post(_PATH, body)
    _check_name(answer, asking.name)
    told = answer["choices"][0]["prompt_logprobs"][-len(words) :]
    found = (place[str(token)]["logprob"] for place, token in zip(told, words, strict=True))
    return min(sum(found), 0.0)


async def _describe(client: Client, model: Model) -> tuple[str, Mapping[str, Any]]:
    cards = {card["id"]: card for card in (await client.get("v1/models"))["data"]}
    name = chosen(client, cards)
    check_window(client, cards[name].get("max_model_len"), model)
    probe = {"model": name, "max_tokens": 1, "temperature": 0.0, "echo": True}
    for ids in probe_ids(model):
        answer = await client.post(_PATH, {**probe, "prompt": ids})
        check_text(client, model, ids, answer["choices"][0]["text"])
    # It is refused where the server's model has fewer tokens.
    await client.post(_PATH, {**probe, "prompt": [len(model.tokenizer) - 1]})
    kept = ("id", "root", "max_model_len")
    return name, {key: cards[name].get(key) for key in kept}


VLLM = Dialect(exact=True, sample=_sample, read=_read, describe=_describe)
SGLANG = Dialect(exact=True, sample=_sample, read=None, describe=_describe)
