"""llama.cpp's llama-server: `/completion`, with prompts and answers as token ids.

https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
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

_PATH = "completion"
# All other samplers are off, whatever the server was started with. Without its cache of prompts, a
# request's tokens do not hang on what was asked before.
_NEUTRAL = {
    "samplers": ["top_k", "top_p", "temperature"],
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "min_keep": 0,
    "logit_bias": [],
    "cache_prompt": False,
    "return_tokens": True,
}


# Tokens asked for at once where they cannot be streamed.
_BLOCK = 256


class _Gap(Exception):
    """Fewer tokens were streamed than sampled. sampled: how many those are by now."""

    def __init__(self, sampled: int) -> None:
        super().__init__(sampled)
        self.sampled = sampled


async def _sample(asking: Asking, request: Request) -> Completion:
    """Stream, but where a character is spread over tokens: only its last one is streamed then.

    Those are asked for again, in one answer, and what follows is streamed from there.
    """
    begun: Ids = ()
    while True:
        rest = replace(
            request,
            prompt=request.prompt + begun,
            max_new=request.max_new - len(begun),
            position=request.position + len(begun),
        )
        try:
            return await cut(_stream(asking, rest), request, asking.model, begun)
        except _Gap as gap:
            block = replace(rest, max_new=min(rest.max_new, gap.sampled + _BLOCK))
        most = replace(request, max_new=len(begun) + block.max_new)
        done = await cut(_at_once(asking, block), most, asking.model, begun)
        if done.stop != "length" or done.sampled == request.max_new:
            return done
        begun = done.ids


async def _stream(asking: Asking, request: Request) -> AsyncIterator[Piece]:
    came = 0
    async for event in asking.client.events(_PATH, {**_body(asking, request), "stream": True}):
        came += len(event["tokens"])
        if came != event["tokens_predicted"]:
            raise _Gap(event["tokens_predicted"])
        yield _piece(event)


async def _at_once(asking: Asking, request: Request) -> AsyncIterator[Piece]:
    yield _piece(await asking.client.post(_PATH, _body(asking, request)))


def _piece(event: Mapping[str, Any]) -> Piece:
    return Piece(tuple(event["tokens"]), event.get("stop_type") == "eos")


def _body(asking: Asking, request: Request) -> dict[str, Any]:
    return {
        **_NEUTRAL,
        "prompt": request.prompt,
        "n_predict": request.max_new,
        "temperature": asking.temperature(request),
        "top_p": asking.sampling.top_p,
        "top_k": asking.sampling.top_k,
        "seed": seed(request),
    }


async def _read(asking: Asking, request: Request) -> tuple[float, ...]:
    """Every token's probability is asked for, behind each beginning of what is read.

    The server tells those of the next token alone.
    """
    beginnings = dict.fromkeys(words[:n] for words in request.read for n in range(len(words)))
    next_token = {begun: await _next_token(asking, request.prompt + begun) for begun in beginnings}
    return tuple(
        min(sum(next_token[words[:n]][token] for n, token in enumerate(words)), 0.0)
        for words in request.read
    )


async def _next_token(asking: Asking, prompt: Ids) -> dict[int, float]:
    """Log-probabilities of all tokens behind a prompt."""
    body = {**_NEUTRAL, "prompt": prompt, "n_predict": 1, "temperature": 0.0}
    body |= {"n_probs": len(asking.model.tokenizer), "post_sampling_probs": False}
    answer = await asking.client.post(_PATH, body)
    told = answer["completion_probabilities"][0]["top_logprobs"]
    return {token["id"]: token["logprob"] for token in told}


async def _describe(client: Client, model: Model) -> tuple[str, Mapping[str, Any]]:
    cards = {card["id"]: card for card in (await client.get("v1/models"))["data"]}
    name = chosen(client, cards)
    props = await client.get("props")
    check_window(client, props["default_generation_settings"]["n_ctx"], model)
    for ids in probe_ids(model):
        text = (await client.post("detokenize", {"tokens": ids}))["content"]
        check_text(client, model, ids, text)
    meta = cards[name].get("meta") or {}
    if meta.get("n_vocab", len(model.tokenizer)) < len(model.tokenizer):
        raise ThinkscaleError(
            f"{client.server.url}: the server's model has {meta['n_vocab']} tokens, and the "
            f"tokenizer of {model.path} has {len(model.tokenizer)}; expected the model of the study"
        )
    sizes = {key: meta.get(key) for key in ("n_vocab", "n_params", "size")}
    return name, {"id": name, "model_path": props.get("model_path"), **sizes}


LLAMA_CPP = Dialect(exact=True, sample=_sample, read=_read, describe=_describe)
