"""A model for a laptop: its weights with the tokenizer as GGUF, by llama.cpp's own converter, and a
Modelfile by which Ollama asks it as the study does."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import torch
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

from thinkscale.config.inference import Inference
from thinkscale.engines.transformers.loading import Checkpoint
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.prompts import render

_TYPES = {
    "auto": gguf.LlamaFileType.GUESSED,
    "f32": gguf.LlamaFileType.ALL_F32,
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}
_MESSAGE = "THE-MESSAGE-OF-THE-USER"  # stands in a prompt for what the user says


def write_gguf(model: Path, out: Path, outtype: str, pre_tokenizer: str | None = None) -> None:
    """Convert a model directory.

    outtype: of the weights that are matrices, one of `_TYPES`. pre_tokenizer: how llama.cpp is to
    cut a text before it looks for tokens, by its name for it; default: what the converter finds.
    Raises ThinkscaleError for an architecture or a tokenizer that the converter does not know.
    """
    logging.getLogger("hf-to-gguf").setLevel(logging.WARNING)  # else it tells of every tensor
    architecture = get_model_architecture(ModelBase.load_hparams(model, False), ModelType.TEXT)
    try:
        made = get_model_class(architecture)(model, _TYPES[outtype], out)
    except NotImplementedError as error:
        raise ThinkscaleError(
            f"`export.gguf`: {model} is a {architecture}, which the converter does not know; "
            "expected an architecture of llama.cpp's"
        ) from error
    if pre_tokenizer is not None:
        made.get_vocab_base_pre = lambda tokenizer: pre_tokenizer
    try:
        with torch.inference_mode():
            made.write()
    except NotImplementedError as error:
        raise ThinkscaleError(
            f"`export.gguf.pre_tokenizer`: missing, and the converter does not know how the "
            f"tokenizer of {model} cuts a text ({error}); expected llama.cpp's name of the way "
            "that is nearest (`default`): token ids are then exact, the cutting of a text is not"
        ) from error


def modelfile(checkpoint: Checkpoint, settings: Inference, weights: Path) -> str:
    """What Ollama is told of a GGUF file beside it: the study's prompt, stops and sampling.

    The system message and earlier turns of the study are part of the template. Raises
    ThinkscaleError as `render` does, or for a text that a Modelfile cannot hold.
    """
    tokenizer, form, thinking = checkpoint.tokenizer, settings.prompt, settings.thinking
    asked = render(
        tokenizer,
        _MESSAGE,
        system=form.system,
        system_role=form.system_role,
        examples=[example.model_dump() for example in form.examples],
        start=thinking.start,
        end=thinking.end,
        template_options=thinking.template_options,
    )
    bos = tokenizer.bos_token
    if bos is not None and _adds_bos(weights):
        asked = asked.removeprefix(bos)
    before, _, behind = asked.partition(_MESSAGE)
    template = f"{_literal(before)}{{{{ .Prompt }}}}{_literal(behind)}{{{{ .Response }}}}"
    stops = sorted(tokenizer.decode([token]) for token in checkpoint.eos)
    parameters: list[tuple[str, Any]] = [
        *(("stop", f'"{stop}"') for stop in stops),
        ("num_ctx", checkpoint.context),
        ("temperature", settings.temperature),
        ("top_p", settings.top_p),
        ("top_k", settings.top_k),
        # What Ollama would do of its own accord, and the study does not.
        ("min_p", 0),
        ("repeat_penalty", 1),
    ]
    if '"""' in template:
        raise ThinkscaleError(
            '`inference.prompt`: found `"""` in it, which ends a template of Ollama\'s; expected '
            "a prompt without"
        )
    lines = [f"FROM ./{weights.name}", f'TEMPLATE """{template}"""']
    return "\n".join([*lines, *(f"PARAMETER {name} {value}" for name, value in parameters)]) + "\n"


def _literal(text: str) -> str:
    """Text of a Go template that is not one of its actions."""
    return text.replace("{{", '{{ "{{" }}')


def _adds_bos(weights: Path) -> bool:
    """Whether llama.cpp begins every prompt with BOS by itself, by the file that it reads."""
    fields: Mapping[str, Any] = gguf.GGUFReader(weights).fields
    said = fields.get("tokenizer.ggml.add_bos_token")
    return False if said is None else bool(said.contents())
