"""Models by content: what changes a fingerprint, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from thinkscale.errors import ThinkscaleError
from thinkscale.registry import register, tokenizer_digest

FILES = {
    "config.json": "{}",
    "model.safetensors": "weights",
    "tokenizer.json": "words",
    "tokenizer_config.json": "{}",
    "chat_template.jinja": "template",
}


def directory(where: Path, **changes: str | None) -> Path:
    """Write a model's files; None leaves one out, and `__` in a name stands for its dot."""
    where.mkdir()
    named = {name.replace("__", "."): text for name, text in changes.items()}
    for name, text in {**FILES, **named}.items():
        if text is not None:
            (where / name).write_text(text)
    return where


def fingerprint(where: Path, **changes) -> str:
    return register("m", directory(where, **changes))["fingerprint"]


def test_a_record_says_where_and_what(tmp_path):
    record = register("m", directory(tmp_path / "a"), hub="o/m", revision="abc", parent="base")
    assert {k: record[k] for k in ("name", "hub", "revision", "parent")} == {
        "name": "m",
        "hub": "o/m",
        "revision": "abc",
        "parent": "base",
    }
    assert sorted(record["files"]) == sorted(FILES)
    assert record["directory"] == str(tmp_path / "a")
    # printf weights | sha256sum
    expected = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert record["files"]["model.safetensors"] == expected
    assert json.loads(json.dumps(record)) == record


def test_the_fingerprint_is_of_the_content_alone(tmp_path):
    base = fingerprint(tmp_path / "a")
    assert fingerprint(tmp_path / "b") == base  # not of the place
    assert register("other", tmp_path / "a", parent="p")["fingerprint"] == base  # nor of the name


@pytest.mark.parametrize(
    "change",
    [
        {"model__safetensors": "Weights"},
        {"config__json": "{ }"},
        {"tokenizer__json": "word"},
        {"chat_template__jinja": None},
        {"model-00002__safetensors": "more"},
        {"generation_config__json": "{}"},
    ],
)
def test_whatever_decides_the_output_changes_it(tmp_path, change):
    assert fingerprint(tmp_path / "a", **change) != fingerprint(tmp_path / "b")


def test_how_it_came_about_does_not(tmp_path):
    noted = fingerprint(tmp_path / "a", training__json='{"seconds": 7}', README__md="hello")
    assert noted == fingerprint(tmp_path / "b")


def test_content_does_not_move_between_files(tmp_path):
    swapped = {"tokenizer__json": "weights", "model__safetensors": "words"}
    assert fingerprint(tmp_path / "a", **swapped) != fingerprint(tmp_path / "b")


def test_a_tokenizer_is_shared_whatever_the_weights(tmp_path):
    one = register("one", directory(tmp_path / "a"))
    two = register("two", directory(tmp_path / "b", model__safetensors="other"))
    three = register("three", directory(tmp_path / "c", tokenizer__json="other"))
    assert tokenizer_digest(one) == tokenizer_digest(two) != tokenizer_digest(three)


def test_pickled_weights_are_refused(tmp_path):
    where = directory(tmp_path / "a", model__safetensors=None, pytorch_model__bin="pickle")
    with pytest.raises(ThinkscaleError) as raised:
        register("m", where)
    message = str(raised.value)
    assert message.startswith(f"model m: {where} holds no .safetensors weights")
    assert "pytorch_model.bin" in message and "pickled weights are never loaded" in message


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"config__json": None}, "holds no config.json"),
        ({"tokenizer__json": None, "tokenizer_config__json": None}, "holds no tokenizer"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, change, lacking):
    with pytest.raises(ThinkscaleError, match=f"model m: .* {lacking}"):
        register("m", directory(tmp_path / "a", **change))


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"model m: .*/no holds no config"):
        register("m", tmp_path / "no")


FETCH = """
import sys
from thinkscale.errors import ThinkscaleError
from thinkscale.registry import fetch
for hub, revision in [("organisation/model", "abc123"), ("not a/hub/name", "abc123")]:
    try:
        fetch(hub, revision, False)
    except ThinkscaleError as error:
        print(error)
"""


def test_a_hub_model_that_cannot_be_had_is_one_message(tmp_path):
    """In a process of its own: huggingface_hub reads its environment when imported."""
    library = str(Path(__file__).parents[2] / "workflow")
    done = subprocess.run(
        [sys.executable, "-c", FETCH],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "PYTHONPATH": library,
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(tmp_path),
            "HF_HUB_CACHE": str(tmp_path / "hub"),
        },
    )
    assert done.returncode == 0, done.stderr
    offline, misspelt = done.stdout.splitlines()
    assert offline.startswith("hub model organisation/model at revision abc123 is not in the local")
    assert "hf download organisation/model --revision abc123" in offline
    assert misspelt.startswith("hub model not a/hub/name at revision abc123")
