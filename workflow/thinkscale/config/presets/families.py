"""Presets: the strings of thinking for families of models, as their authors' own code has them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# An answer line has many shapes, and a tokenizer gives each its own tokens (":**" may be one).
_ANSWER_LINES = tuple(
    f"{space}{shape}"
    for name in ("Answer", "Final Answer")
    for shape in (f"{name}:", f"**{name}:", f"**{name}:**", f"**{name}**:")
    for space in ("", " ")
)


@dataclass(frozen=True)
class Preset:
    """What opens thinking, what ends it, and what asks for the answer where it was cut.

    end: the first is put in. template_options: what the chat template is given besides messages.
    turn_end, off, off_options: see the keys of `inference.thinking`.
    """

    start: str
    end: tuple[str, ...]
    answer_prompt: str
    template_options: Mapping[str, Any] = field(default_factory=dict)
    turn_end: str = "thinking"
    off: str | None = None
    off_options: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """The keys of a study's `thinking` block."""
        return {**asdict(self), "end": list(self.end)}


PRESETS = {
    # The template of R1 and of its distills opens thinking itself.
    "deepseek-r1": Preset("<think>\n", ("</think>",), "\n\nFinal Answer:"),
    # One template for models that think and that answer at once; the option is its switch.
    "qwen3": Preset(
        "<think>\n",
        ("</think>",),
        "\n\nFinal Answer:",
        {"enable_thinking": True},
        off_options={"enable_thinking": False},
    ),
    # As s1 is evaluated (arXiv 2501.19393; its lm-evaluation-harness, models/vllm_causallms.py):
    # no newline behind the start, which the model writes itself; one before "Final Answer:".
    "s1": Preset(
        "<|im_start|>think", ("<|im_start|>answer",), "\nFinal Answer:", off="<|im_start|>answer"
    ),
    # Zero-shot chain of thought (Kojima et al., arXiv 2205.11916) of a model without markers:
    # thinking is what comes before the answer line that the prompt asks for. The marker put in
    # begins with a newline, as an answer line does. Such models often end their turn without one:
    # then they have answered. Off is the zero-shot prompt of that paper: the answer at once.
    "instruct": Preset(
        "Let's think step by step.",
        ("\nAnswer:", *_ANSWER_LINES),
        "",
        turn_end="response",
        off="Answer:",
    ),
}
