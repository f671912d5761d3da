"""Small servers on 127.0.0.1 that answer as vLLM, llama.cpp and Ollama do, and fail on demand.

What they say comes from the calibration model. Each has the traits of the real one that a client
must know: defaults that are not neutral, tokens that come several at a time, characters of which
only the last token is streamed, text in which an end does not stand.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from thinkscale.engines.base import Sampling

REASONER = Path(__file__).parents[2] / "resources/calibration/reasoner"
_LOCK = threading.Lock()


@cache
def model():
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(REASONER).eval()


@cache
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(REASONER)


@cache
def _logprobs(ids: tuple[int, ...]) -> np.ndarray:
    import torch

    with torch.inference_mode():
        logits = model()(torch.tensor([ids])).logits[0, -1, : len(tokenizer())]
        return logits.double().log_softmax(-1).numpy()


def logprobs(ids) -> np.ndarray:
    """Of every next token, in nats."""
    with _LOCK:
        return _logprobs(tuple(ids))


def tokens(prompt, sampling: Sampling, seed: int, penalty: float = 1.0) -> Iterator[int]:
    """What the model says, one token after the other, without end.

    penalty: divides the probability of what was said, as servers do that are not told otherwise.
    """
    dice, ids = np.random.default_rng(seed), list(prompt)
    while True:
        scores = logprobs(ids).copy()
        scores[list(set(ids))] -= np.log(penalty)
        if sampling.temperature == 0:
            ids.append(int(scores.argmax()))
        else:
            weights = np.exp(scores / sampling.temperature)
            ids.append(int(dice.choice(len(weights), p=weights / weights.sum())))
        yield ids[-1]


@dataclass
class Small:
    """A server of one kind.

    name: of its model. window: in tokens. tokens: how many its model has. script: what it says,
    instead of what the model does. shout: whether its tokenizer reads all in capitals. faults: what
    befalls the next completions, one each: a status, `drop` (in the midst), `close`, `hang`, `hold`
    (until `released` is set), `replace` (by another model), or nothing where it is empty. holding:
    how many completions are held. seen: bodies of completions, in their order. keys: what stood in
    the header that authorises.
    """

    software: str
    name: str = "reasoner"
    window: int = 512
    tokens: int = 645
    key: str | None = None
    url: str = ""
    script: list[int] | None = None
    shout: bool = False
    faults: deque[str] = field(default_factory=deque)
    seen: list[dict] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    holding: int = 0

    def settings(self, **more) -> dict:
        return {"url": self.url, "software": self.software, "attempts": 4, **more}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    small: Small

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        small = self.small
        match small.software, self.path:
            case "vllm" | "sglang", "/v1/models":
                card = {"id": small.name, "root": str(REASONER), "max_model_len": small.window}
                self._json({"object": "list", "data": [card]})
            case "llama.cpp", "/v1/models":
                meta = {"n_vocab": small.tokens, "n_params": 575_000, "size": 2_300_000}
                self._json({"object": "list", "data": [{"id": small.name, "meta": meta}]})
            case "llama.cpp", "/props":
                settings = {"n_ctx": small.window}
                self._json({"default_generation_settings": settings, "model_path": small.name})
            case "ollama", "/api/tags":
                self._json({"models": [{"name": f"{small.name}:latest", "digest": small.name}]})
            case _:
                self._json({"error": {"code": 404, "message": "File Not Found"}}, 404)

    def do_POST(self) -> None:
        small = self.small
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        small.keys.add(self.headers.get("authorization"))
        if small.key is not None and self.headers.get("authorization") != f"Bearer {small.key}":
            return self._json({"error": "invalid key"}, 401)
        match small.software, self.path:
            case "vllm" | "sglang", "/v1/completions":
                self._completion(body, self._openai)
            case "llama.cpp", "/completion":
                self._completion(body, self._llama_cpp)
            case "llama.cpp", "/detokenize":
                self._json({"content": self._read(body["tokens"])})
            case "ollama", "/api/show":
                self._json({"model_info": {"llama.context_length": small.window}})
            case "ollama", "/api/generate":
                self._completion(body, self._ollama)
            case _:
                self._json({"error": {"code": 404, "message": "File Not Found"}}, 404)

    # ---------------------------------------------------------------- what befalls it

    def _completion(self, body, answer) -> None:
        self.small.seen.append(body)
        # Looks at a server before a run are no completions of its own.
        own = body.get("stream", False)
        self.fault = self.small.faults.popleft() if own and self.small.faults else ""
        if self.fault == "429":
            self._json({"error": {"code": 429, "message": "busy"}}, 429, retry_after="0")
        elif self.fault in ("500", "503"):
            self._json({"error": {"code": int(self.fault)}}, int(self.fault))
        elif self.fault == "hang":
            self.small.released.wait(20)
            self.close_connection = True
        elif self.fault in ("close", "replace"):
            self.small.name += " 2" if self.fault == "replace" else ""
            self.close_connection = True
        else:
            if self.fault == "hold":
                self._hold()
            answer(body)

    def _hold(self) -> None:
        with _LOCK:
            self.small.holding += 1
        self.small.released.wait()
        with _LOCK:
            self.small.holding -= 1

    def _events(self, events, form="data: {}\n\n") -> None:
        """Send events as they come; one that is to be dropped breaks off in the midst."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for n, event in enumerate(events):
                if self.fault == "drop" and n == 3:
                    self.close_connection = True
                    return
                text = form.format(json.dumps(event)).encode()
                self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has all it wants

    def _json(self, values, status=200, retry_after=None) -> None:
        text = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        if retry_after is not None:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(text)

    def _drawn(self, prompt, most, values, penalty=1.0) -> Iterator[tuple[int, str | None]]:
        """Tokens, each with why it is the last one, if it is."""
        sampling = Sampling(values["temperature"])
        said = self.small.script or tokens(prompt, sampling, values.get("seed", 0), penalty)
        ends = {tokenizer().eos_token_id, *values.get("stop_token_ids", ())}
        for n, token in enumerate(said, start=1):
            why = "stop" if token in ends else "length" if n == most else None
            yield token, why
            if why:
                return

    def _read(self, ids) -> str:
        text = tokenizer().decode(ids)
        return text.upper() if self.small.shout else text

    # ---------------------------------------------------------------- their ways

    def _openai(self, body) -> None:
        small, prompt, most = self.small, body["prompt"], body["max_tokens"]
        if body["model"] != small.name:
            return self._json({"error": {"code": 404, "message": "no such model"}}, 404)
        if max(prompt) >= small.tokens or len(prompt) + most > small.window:
            return self._json({"error": {"code": 400, "message": "out of vocabulary"}}, 400)
        penalty = body.get("repetition_penalty", 2.0)
        if body.get("stream"):
            return self._events(self._openai_events(body, prompt, most, penalty))
        text = self._read(prompt) if body.get("echo") else ""
        choice = {"index": 0, "text": text + "x", "finish_reason": "length"}
        if body.get("prompt_logprobs") is not None:
            places = [
                {str(token): {"logprob": float(logprobs(prompt[:n])[token]), "rank": 1}}
                for n, token in enumerate(prompt)
                if n
            ]
            choice["prompt_logprobs"] = [None, *places]
        return self._json({"model": self.small.name, "choices": [choice]})

    def _openai_events(self, body, prompt, most, penalty):
        held = []
        for token, why in self._drawn(prompt, most, body, penalty):
            held.append(token)
            if why or len(held) == 2:
                choice = {"index": 0, "text": tokenizer().decode(held), "finish_reason": why}
                if body.get("return_token_ids") and self.small.software == "vllm":
                    choice["token_ids"] = held
                yield {"model": self.small.name, "choices": [choice]}
                held = []

    def _llama_cpp(self, body) -> None:
        prompt, most = body["prompt"], body["n_predict"]
        if body.get("n_probs"):
            order = np.argsort(-logprobs(prompt))[: body["n_probs"]]
            told = [{"id": int(n), "logprob": float(logprobs(prompt)[n])} for n in order]
            answer = {"tokens": [int(order[0])], "completion_probabilities": [{}]}
            answer["completion_probabilities"][0]["top_logprobs"] = told
            return self._json(answer)
        values = {"temperature": 0.8, **body}
        drawn = self._drawn(prompt, most, values, body.get("repeat_penalty", 2.0))
        if body.get("stream"):
            return self._events(self._llama_cpp_events(drawn))
        said, why = zip(*drawn, strict=True)
        stop_type = "eos" if why[-1] == "stop" else "limit"
        return self._json({"tokens": said, "stop": True, "stop_type": stop_type})

    def _llama_cpp_events(self, drawn):
        held, count, why = b"", 0, None
        for token, why in drawn:  # noqa: B007
            count += 1
            held += _bytes(token)
            try:
                text = held.decode()
            except UnicodeDecodeError:
                text = None
            if text is not None:
                held = b""
                yield {"content": text, "tokens": [token], "stop": False, "tokens_predicted": count}
        stop_type = "eos" if why == "stop" else "limit"
        final = {"content": "", "tokens": [], "stop": True, "stop_type": stop_type}
        yield {**final, "model": self.small.name, "tokens_predicted": count}

    def _ollama(self, body) -> None:
        assert body["raw"] and not body["think"]
        options, prompt = body["options"], tokenizer()(body["prompt"]).input_ids
        values = {"temperature": 0.8, **options}
        penalty = options.get("repeat_penalty", 2.0)
        drawn = self._drawn(prompt, options["num_predict"], values, penalty)
        if body["stream"]:
            return self._events(self._ollama_events(drawn), form="{}\n")
        last = {"response": "x", "done": True, "done_reason": "length"}
        count = len(prompt) + self.small.shout * len(body["prompt"])
        return self._json({**last, "prompt_eval_count": count})

    def _ollama_events(self, drawn):
        why = None
        for token, why in drawn:  # noqa: B007
            text = "" if token == tokenizer().eos_token_id else tokenizer().decode([token])
            yield {"model": self.small.name, "response": text, "done": False}
        yield {"model": self.small.name, "response": "", "done": True, "done_reason": why}


def _bytes(token: int) -> bytes:
    """The bytes a token stands for, which may be a part of a character."""
    text = tokenizer().convert_ids_to_tokens(token) or ""
    known = _byte_of()
    return bytes(known[c] for c in text) if set(text) <= set(known) else text.encode()


@cache
def _byte_of() -> dict[str, int]:
    """GPT-2's characters for bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [n for n in range(256) if n not in plain]
    return {chr(n): n for n in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}


@contextmanager
def running(software: str, **traits) -> Iterator[Small]:
    """A server of a kind, on a port of its own."""
    small = Small(software, **traits)
    handler = type("Handler", (_Handler,), {"small": small})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients leave when they have what they want
    small.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield small
    finally:
        small.released.set()
        server.shutdown()
        server.server_close()
