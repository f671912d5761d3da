"""Corpora that the calibration models write, for tests of what becomes of them."""

from pathlib import Path

from thinkscale.config.corpora import Generate
from thinkscale.config.inference import Inference
from thinkscale.jobs.generating import Generated, generate
from thinkscale.jobs.training_items import training_items
from thinkscale.models.registry import register

MODELS = Path(__file__).parents[2] / "resources/calibration"
PROMPT = {"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""}
SETTINGS = Inference(
    dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8,
    prompt=PROMPT, thinking={"answer_prompt": "\n\nAnswer:"},
)  # fmt: skip
CHOICE = ("choice", None, None)


def written(directory: Path, model="reasoner", settings=SETTINGS, **asked) -> Generated:
    """What a calibration model writes, with a journal in `directory`."""
    asked = Generate(model=model, **{"problems": 10, "samples": 3} | asked)
    return generate(
        "traces", register(model, MODELS / model), training_items(asked, 1), settings, asked,
        {"continuations": ["Wait", "Hmm"]}, CHOICE, directory, seed=1,
    )  # fmt: skip
