"""What trainings share: four bits, and going on after a kill."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback
from transformers.trainer import DEFAULT_CALLBACKS

import tiny
from thinkscale.calibration.corpus import calibration_corpus
from thinkscale.config.inference import Inference
from thinkscale.config.models import Derivation
from thinkscale.config.sweep import Conditions
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.watching import watch
from thinkscale.models.recipes.gkd import GkdSettings, distil
from thinkscale.models.recipes.sft import SftSettings, finetune
from thinkscale.models.recipes.training import Training, checkpoints_of, last_checkpoint
from thinkscale.models.registry import register

CALIBRATION = Path(__file__).parents[3] / "resources/calibration"
ROWS = [
    {"question": f"What is {n}?", "reasoning": f"It is {n} and no more.", "response": f"{n}."}
    for n in range(12)
]


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def parent(request, tmp_path_factory):
    directory = tiny.save(tmp_path_factory.mktemp(request.param), request.param, hidden_size=64)
    template = "{{ messages[0]['content'] }}|"
    (directory / "chat_template.jinja").write_text(template)
    return directory


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def quickly(method: str, **how) -> Training:
    return Training(method, max_steps=3, batch_size=4, log_every=1, learning_rate=1e-2, **how)


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_adapters_are_merged_into_the_parents_own_weights(parent, tmp_path, method):
    log = finetune(parent, ROWS, tmp_path / "out", SftSettings(quickly(method)))
    assert log["step"].tolist() == [1, 2, 3] and log["loss"].iloc[-1] < log["loss"].iloc[0]
    before, after = weights(parent), weights(tmp_path / "out")
    assert after.keys() == before.keys()
    assert {name: value.dtype for name, value in after.items()} == {
        name: torch.float32 for name in before
    }
    for name, value in after.items():
        # Weights that were in four bits would differ by more than the adapter's few ranks.
        change = value - before[name]
        if "proj" in name and value.ndim == 2:
            assert 0 < torch.linalg.matrix_rank(change.double(), rtol=1e-5) <= 8, name
        else:
            assert not change.any(), name


def test_gkd_teaches_what_the_teacher_would_write(parent, tmp_path):
    """Of itself a model has nothing to learn, of another it has."""
    how = quickly("full")
    kind = json.loads((parent / "config.json").read_text())["model_type"]
    other = tiny.save(tmp_path / "other", kind, hidden_size=64, seed=1)
    questions = [row["question"] for row in ROWS]
    losses = {}
    for name, teacher in {"itself": parent, "other": other}.items():
        settings = GkdSettings(how, beta=0.0, max_completion_length=8)
        losses[name] = distil(parent, teacher, questions, tmp_path / name, settings)["loss"]
    with pytest.raises(ThinkscaleError, match="No question is left"):
        settings = GkdSettings(how, max_completion_length=8, max_length=10)
        distil(parent, parent, questions, tmp_path / "none", settings)
    assert losses["itself"].abs().max() < 1e-5
    assert losses["other"].iloc[-1] < losses["other"].iloc[0]
    settings = GkdSettings(quickly("qlora"), beta=0.0, max_completion_length=8)
    log = distil(parent, other, questions, tmp_path / "four bits", settings)
    assert (log["loss"] > 0).all()
    assert weights(tmp_path / "four bits").keys() == weights(parent).keys()


def test_held_out_items_are_measured_before_and_while_it_trains(tmp_path, one_thread):
    """By the job's own way: problems by which no bank is made, asked and graded as in a study."""
    record = register("base", CALIBRATION / "base")
    derivation = Derivation(
        parent="base", corpus="traces", eval_steps=2, held_out={"n": 6}, method="full"
    )
    how = (Inference(temperature=1.0, max_answer_tokens=4), Conditions().model_dump())
    callback = watch(record, derivation, *how, ("choice", None, None), 0)
    settings = SftSettings(Training("full", max_steps=3, batch_size=4, log_every=3))
    log = finetune(
        CALIBRATION / "base", calibration_corpus(8, 1), tmp_path / "out", settings, None, [callback]
    )
    assert log["step"].tolist() == [0, 2, 3] and log["loss"].notna().tolist() == [
        False,
        False,
        True,
    ]
    assert log["held_out_accuracy"].between(0, 1).all() and log["tokens"].is_monotonic_increasing


def test_a_teacher_of_another_vocabulary_is_refused_before_anything_loads(tmp_path):
    student = tiny.save(tmp_path / "student", "llama")
    padded = tiny.save(tmp_path / "padded", "llama", vocab_size=400)
    other = tiny.save(tmp_path / "other", "llama")
    words = json.loads((other / "tokenizer.json").read_text())
    vocabulary = words["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (other / "tokenizer.json").write_text(json.dumps(words))
    for directory in (student, padded, other):
        (directory / "model.safetensors").unlink()
    for teacher, said in ((padded, r"over 285 ids .* over 400"), (other, "other vocabularies")):
        with pytest.raises(ThinkscaleError, match=said):
            distil(student, teacher, ["Why?"], tmp_path / "out", GkdSettings())


def test_checkpoints_lie_by_content_and_half_a_one_is_none(tmp_path):
    assert checkpoints_of(tmp_path, {"rows": [1]}) == checkpoints_of(tmp_path, {"rows": [1]})
    assert checkpoints_of(tmp_path, {"rows": [1]}) != checkpoints_of(tmp_path, {"rows": [2]})
    assert last_checkpoint(tmp_path / "none") is None
    for step, state in ((5, '{"global_step": 5}'), (10, '{"global_step": 10}'), (15, "{")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-20").mkdir()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-5"]


RESUMED = Training("lora", 4, dropout=0.1, max_steps=12, batch_size=4, log_every=2, save_steps=3)


def train(recipe: str, parent: Path, directory: Path) -> Path:
    """A training that keeps checkpoints; they stay where they are."""
    out, checkpoints = directory / recipe, directory / f"{recipe}-checkpoints"
    if recipe == "sft":
        log = finetune(parent, ROWS, out, SftSettings(RESUMED), checkpoints)
    else:
        settings = GkdSettings(RESUMED, max_completion_length=6)
        teacher = tiny.save(directory / "teacher", "qwen2", seed=1)
        log = distil(parent, teacher, [r["question"] for r in ROWS], out, settings, checkpoints)
    log.to_csv(out / "log.csv")
    return out


def killed(recipe: str, parent: Path, directory: Path) -> None:
    """Begin a training in this process, and kill it without warning in its ninth step."""

    class Kill(TrainerCallback):
        def on_step_begin(self, args, state, control, **others):
            if state.global_step == 9:
                os.kill(os.getpid(), signal.SIGKILL)

    DEFAULT_CALLBACKS.append(Kill)
    train(recipe, parent, directory)


@pytest.mark.parametrize("recipe", ["sft", "gkd"])
def test_a_killed_training_ends_as_if_it_had_not_been(tmp_path, recipe, one_thread):
    parent = tiny.save(tmp_path / "parent", "qwen2")
    (parent / "chat_template.jinja").write_text("{{ messages[0]['content'] }}|")
    job = multiprocessing.get_context("fork").Process(
        target=killed, args=(recipe, parent, tmp_path / "killed")
    )
    job.start()
    job.join()
    assert job.exitcode == -signal.SIGKILL
    left = last_checkpoint(tmp_path / "killed" / f"{recipe}-checkpoints")
    assert left.name == "checkpoint-8"  # save_steps, rounded up to what is logged

    resumed = train(recipe, parent, tmp_path / "killed")
    undisturbed = train(recipe, parent, tmp_path / "undisturbed")
    for name in ("model.safetensors", "log.csv"):
        assert (resumed / name).read_bytes() == (undisturbed / name).read_bytes(), name
