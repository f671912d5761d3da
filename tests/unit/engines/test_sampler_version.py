"""Tokens are those of the sampler's version: a small study beside the ids it was given once.

On other CPUs sums are taken in another order, and last bits of logits differ. So the rows stored
are those without a near tie: every token stays the same when its logits are shaken by many times
what arithmetic in float32 does to them.

    PYTHONPATH=workflow python tests/unit/engines/test_sampler_version.py

chooses rows and stores their tokens anew.
"""

import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.engines.base import Completion, Engine, Request, uniforms
from thinkscale.engines.drive import drive
from thinkscale.engines.transformers.engine import SAMPLER_VERSION
from thinkscale.engines.transformers.sampling import Sampling, draw
from thinkscale.jobs.inference import prepare
from thinkscale.models.registry import register

STORED = Path(__file__).with_name("sampler_tokens.json")
MODELS = Path(__file__).parents[3] / "resources/calibration"
SAMPLING = {
    "greedy": {"temperature": 0.0},
    "sampled": {"temperature": 1.0, "top_p": 1.0},
    "cut": {"temperature": 1.5, "top_p": 0.9, "top_k": 20},
}
CASES = [f"{model}, {way}" for model in ("reasoner", "base") for way in SAMPLING]
BANK, ROWS = 24, 3  # items to choose from, and kept for each case
SHAKEN = 1e-3  # added to logits at most; on one machine, two ways to sum differ by about 1e-5


class Heard:
    """An engine, and for each item what was asked and said, in the order it was asked."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.said = engine, defaultdict(list)
        self._open = {}

    def submit(self, ticket, request: Request) -> None:
        ((item, _sample), _number) = ticket
        self._open[ticket] = self.said[item], len(self.said[item])
        self.said[item].append((request, None))
        self.engine.submit(ticket, request)

    def step(self) -> list[tuple[object, Completion]]:
        ended = self.engine.step()
        for ticket, completion in ended:
            said, place = self._open.pop(ticket)
            said[place] = said[place][0], completion
        return ended

    def release(self, noise: bytes) -> None:
        self.engine.release(noise)


def study(case: str, items: Collection[str] = ()) -> dict[str, list[tuple[Request, Completion]]]:
    """Run a case over some items, or all; budgets, a minimum and a wait are asked of each."""
    model, way = case.split(", ")
    settings = Inference(dtype="float32", device="cpu", batch_size=3, **SAMPLING[way])
    sweep = Conditions(max_think=[0, 12], min_think=[40], waits=[1]).model_dump()
    record = register(model, MODELS / model)
    prepared = prepare(record, generate_bank(BANK, seed=5), settings, sweep, seed=1)
    engine = Heard(prepared.open())
    rows = [row for row in prepared.work.most() if not items or row[0] in items]
    assert len(list(drive(prepared.work.ask(rows), engine, 6))) == len(rows)
    return engine.said


def tokens(said: list[tuple[Request, Completion]]) -> list[list[int]]:
    return [[*completion.ids, *completion.end_ids] for _, completion in said]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("one_thread")
def test_tokens_are_those_of_the_sampler_s_version(case):
    stored = json.loads(STORED.read_text())
    assert stored["version"] == SAMPLER_VERSION, "store the tokens of the new version"
    expected = stored["tokens"][case]
    said = {item: tokens(found) for item, found in study(case, expected).items()}
    assert said == expected, (
        "tokens changed: if that is meant, raise SAMPLER_VERSION (engines/transformers/engine.py), "
        "so that no journal mixes them with those of before, and store them anew by\n"
        "PYTHONPATH=workflow python tests/unit/engines/test_sampler_version.py"
    )


def is_firm(model: torch.nn.Module, way: str, said: list[tuple[Request, Completion]]) -> bool:
    """Whether each token is what shaken logits give as well, computed in float64."""
    dice = torch.Generator().manual_seed(0)
    for request, completion in said:
        drawn = torch.tensor([*completion.ids, *completion.end_ids])
        ids = torch.cat([torch.tensor(request.prompt), drawn])
        logits = model(input_ids=ids.unsqueeze(0)).logits[0, len(request.prompt) - 1 : -1]
        noise = torch.from_numpy(uniforms(request.noise, request.position, len(drawn)))
        for _ in range(16):
            shaken = logits + SHAKEN * (2 * torch.rand(logits.shape, generator=dice) - 1)
            found = draw(shaken, noise, Sampling(**SAMPLING[way]), logits.shape[1])
            if not torch.equal(found, drawn):
                return False
    return True


@torch.inference_mode()
def store() -> None:
    torch.set_num_threads(1)
    kept = {}
    for case in CASES:
        model, way = case.split(", ")
        exact = AutoModelForCausalLM.from_pretrained(
            MODELS / model, dtype=torch.float64, attn_implementation="eager"
        ).eval()
        firm = {item: tokens(s) for item, s in study(case).items() if is_firm(exact, way, s)}
        print(f"{case}: {len(firm)} of {BANK} rows have no near tie; {ROWS} are stored")
        kept[case] = dict(list(firm.items())[:ROWS])
    text = json.dumps({"version": SAMPLER_VERSION, "tokens": kept})
    STORED.write_text(text.replace('], "', '],\n"').replace(': {"', ': {\n"') + "\n")


if __name__ == "__main__":
    store()
