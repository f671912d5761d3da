"""Models by content: what changes a fingerprint, and what is refused."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from thinkscale.engines.transformers.directory import weight_files
from thinkscale.errors import ThinkscaleError
from thinkscale.models.loading import fetch
from thinkscale.models.registry import register, tokenizer_digest, verify

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


INDEX = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}


def sharded(where: Path, **changes) -> Path:
    files = {"one__safetensors": "1", "two__safetensors": "2", **changes}
    return directory(
        where,
        model__safetensors=None,
        **{"model__safetensors__index__json": json.dumps(INDEX), **files},
    )


def test_shards_are_those_of_the_index(tmp_path):
    where = sharded(tmp_path / "a", three__safetensors="3")
    assert [path.name for path in weight_files(where)] == ["one.safetensors", "two.safetensors"]


def test_a_missing_shard_is_named(tmp_path):
    where = sharded(tmp_path / "a", two__safetensors=None)
    with pytest.raises(ThinkscaleError) as raised:
        register("m", where)
    assert str(raised.value) == (
        f"model m: {where} lacks 1 of the 2 weight files that model.safetensors.index.json lists: "
        "two.safetensors; the copy or download is not complete"
    )


@pytest.mark.parametrize("shard", ["pytorch_model.bin", "../one.safetensors", "a/b.safetensors"])
def test_an_index_can_name_no_pickle_and_nothing_elsewhere(tmp_path, shard):
    index = json.dumps({"weight_map": {"a": "one.safetensors", "b": shard}})
    where = sharded(tmp_path / "a", model__safetensors__index__json=index)
    (where / "pytorch_model.bin").write_text("pickle")
    with pytest.raises(ThinkscaleError, match=f"index.json: found '{shard}'; expected names of"):
        register("m", where)


def test_a_config_can_name_its_weights_but_no_pickle(tmp_path):
    named = '{"transformers_weights": "own.safetensors"}'
    where = directory(tmp_path / "a", config__json=named, own__safetensors="own")
    assert [path.name for path in weight_files(where)] == ["own.safetensors"]
    for file in ("adapter_model.bin", "../a/own.safetensors"):
        (where / "adapter_model.bin").write_text("pickle")
        (where / "config.json").write_text(json.dumps({"transformers_weights": file}))
        with pytest.raises(ThinkscaleError, match=f"no .safetensors weights named {file} "):
            register("m", where)


def test_an_adapter_is_not_laid_over_the_weights_unseen(tmp_path):
    where = directory(tmp_path / "a", adapter_config__json="{}")
    with pytest.raises(ThinkscaleError, match=r"model m: .* holds an adapter .* merge it"):
        register("m", where)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_broken_json_is_one_message(tmp_path, text):
    where = directory(tmp_path / "a", config__json=text)
    with pytest.raises(ThinkscaleError, match=r"model m: .*/config.json: found (no valid|a list)"):
        register("m", where)


# ------------------------------------------------------------------ expected content


def test_code_counts_where_it_is_trusted(tmp_path):
    where = directory(tmp_path / "a", modeling__py="pass")
    without, with_code = (register("m", where, trust_remote_code=trust) for trust in (False, True))
    assert without["fingerprint"] == fingerprint(tmp_path / "b")
    assert with_code["fingerprint"] != without["fingerprint"]
    (where / "modeling.py").write_text("print()")
    verify(without)
    with pytest.raises(ThinkscaleError, match=r"modeling.py changed"):
        verify(with_code)


def test_code_in_another_repository_is_refused(tmp_path):
    config = {"auto_map": {"AutoConfig": "other/repo--c.C", "AutoTokenizer": ["t.T", None]}}
    where = directory(tmp_path / "a", config__json=json.dumps(config))
    assert register("m", where)
    with pytest.raises(ThinkscaleError, match=r"other/repo--c\.C\) lies in another repository"):
        register("m", where, trust_remote_code=True)


def test_another_fingerprint_is_an_error_with_both(tmp_path):
    where = directory(tmp_path / "a")
    record = register("m", where)
    assert register("m", where, fingerprint=record["fingerprint"]) == record
    with pytest.raises(ThinkscaleError) as raised:
        register("m", where, fingerprint="0" * 64)
    message = str(raised.value)
    assert message.startswith(f"model m: the files in {where} have the fingerprint ")
    assert record["fingerprint"] in message and "0" * 64 in message


def altered(where: Path, file: str, text: str) -> None:
    """Change a file so that no time stamp tells."""
    before = (where / file).stat() if (where / file).exists() else where.stat()
    (where / file).write_text(text)
    os.utime(where / file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_model_that_did_not_change_is_verified(tmp_path):
    where = directory(tmp_path / "a")
    record = json.loads(json.dumps(register("m", where)))
    altered(where, "training.json", "{}")
    altered(where, "README.md", "hello")
    assert verify(record) is None


def test_weights_that_changed_under_the_same_name_are_told(tmp_path):
    where = directory(tmp_path / "a")
    record = register("m", where)
    altered(where, "model.safetensors", "Weights")
    with pytest.raises(ThinkscaleError) as raised:
        verify(record)
    found = hashlib.sha256(b"Weights").hexdigest()[:12]
    assert str(raised.value) == (
        f"model m: since it was registered, {where}/model.safetensors changed (SHA-256 {found}…, "
        "expected 9a129038d9a0…); bring the registered files back, or run snakemake with "
        "`--forcerun register_model` to study the model as it is now. What was computed stays, "
        "and is used where it still applies"
    )


@pytest.mark.parametrize("file", ["generation_config.json", "model-00002.safetensors"])
def test_a_file_more_is_told(tmp_path, file):
    where = directory(tmp_path / "a")
    record = register("m", where)
    altered(where, file, "{}")
    with pytest.raises(ThinkscaleError, match=f"{file} was added; bring"):
        verify(record)


def test_a_file_less_or_a_whole_directory_is_told(tmp_path):
    where = directory(tmp_path / "a")
    record = register("m", where)
    (where / "chat_template.jinja").unlink()
    with pytest.raises(ThinkscaleError, match=r"chat_template.jinja went away; bring"):
        verify(record)
    shutil.rmtree(where)
    with pytest.raises(ThinkscaleError, match=r"went away; bring"):
        verify(record)


# ------------------------------------------------------------------ the hub's cache

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = "organisation/model"


def cached(home: Path, **changes: str | None) -> Path:
    """Lay out a cache as huggingface_hub does: names are links to what the etags name."""
    repository = home / "hub" / "models--organisation--model"
    snapshot = repository / "snapshots" / COMMIT
    files = directory(home / "files", **changes)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "blobs").mkdir()
    snapshot.mkdir(parents=True)
    for file in files.iterdir():
        content = file.read_bytes()
        large = file.suffix == ".safetensors"
        git = hashlib.sha1(b"blob %d\0" % len(content) + content)
        etag = (hashlib.sha256(content) if large else git).hexdigest()
        file.rename(repository / "blobs" / etag)
        (snapshot / file.name).symlink_to(Path("../../blobs", etag))
    return snapshot


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_a_cached_model_is_found_without_the_hub(home):
    snapshot = cached(home)
    assert fetch(HUB, COMMIT, False, offline=True) == snapshot
    record = register("m", snapshot, hub=HUB, revision=COMMIT)
    assert record["fingerprint"] == fingerprint(home / "plain")
    verify(record)


def test_a_branch_is_no_revision(home):
    cached(home)
    with pytest.raises(ThinkscaleError) as raised:
        fetch(HUB, "main", False, offline=True)
    assert str(raised.value) == (
        f"hub model {HUB}: revision 'main' stands for the commit {COMMIT} today and can stand for "
        "another tomorrow; write the commit itself"
    )


def test_a_damaged_download_is_told_with_what_to_delete(home):
    snapshot = cached(home)
    blob = (snapshot / "model.safetensors").resolve()
    blob.write_text("weigh")
    with pytest.raises(ThinkscaleError) as raised:
        register("m", snapshot, hub=HUB, revision=COMMIT)
    found = hashlib.sha256(b"weigh").hexdigest()[:12]
    assert str(raised.value) == (
        f"model m: {snapshot}/model.safetensors is not the file of its commit: its SHA-256 is "
        f"{found}…, expected 9a129038d9a0…; delete {blob} and run again to download it anew"
    )


def test_a_store_shared_by_repositories_is_looked_through(home):
    """A blob may be a link to another store, whose names are hashes of another kind."""
    snapshot = cached(home)
    blob = (snapshot / "model.safetensors").resolve()
    store = home / "hub" / "blobs" / "ab"
    store.mkdir(parents=True)
    stored = blob.rename(store / ("ab" * 32))
    blob.symlink_to(stored)
    assert register("m", snapshot, hub=HUB, revision=COMMIT)
    stored.write_text("weigh")
    with pytest.raises(ThinkscaleError, match=f"expected 9a129038d9a0…; delete {stored} and"):
        register("m", snapshot, hub=HUB, revision=COMMIT)


def test_a_cache_without_links_has_nothing_to_compare(home):
    snapshot = cached(home)
    copy = home / COMMIT
    shutil.copytree(snapshot, copy)
    (copy / "model.safetensors").write_text("weigh")
    assert register("m", copy, hub=HUB, revision=COMMIT)


def test_a_model_that_is_not_cached_is_one_message_offline(home):
    cached(home)
    other = COMMIT[::-1]
    with pytest.raises(ThinkscaleError) as raised:
        fetch(HUB, other, False, offline=True)
    assert str(raised.value) == (
        f"hub model {HUB} at revision {other} is not in the local cache and could not be "
        "downloaded (`offline` is true: Cannot find an appropriate cached snapshot folder for the "
        "specified revision on the local disk); on a machine that reaches the hub run "
        f"`hf download {HUB} --revision {other}` and copy the cache here, or set the model's "
        "`path` to a directory that holds it"
    )


def test_an_interrupted_download_is_not_taken_for_a_model(home):
    """The cache lists what a commit holds; where it does not, the index of the weights does."""
    index = {"model__safetensors__index__json": json.dumps(INDEX), "one__safetensors": "1"}
    snapshot = cached(home, model__safetensors=None, **index)
    assert fetch(HUB, COMMIT, False, offline=True) == snapshot
    with pytest.raises(ThinkscaleError, match=r"lacks 1 of the 2 weight files .* two\.safetensors"):
        register("m", snapshot, hub=HUB, revision=COMMIT)
    names = [path.name for path in snapshot.iterdir()] + ["two.safetensors", "onnx/config.json"]
    listed = {"format_version": 1, "files": {n: {"size": 1, "blob_id": "0"} for n in names}}
    trees = snapshot.parents[1] / "trees"
    trees.mkdir()
    (trees / f"{COMMIT}.json").write_text(json.dumps(listed))
    with pytest.raises(ThinkscaleError, match=r"is incomplete: 1 file.* \(two\.safetensors\)"):
        fetch(HUB, COMMIT, False, offline=True)


FETCH = """
import sys
from thinkscale.errors import ThinkscaleError
from thinkscale.models.loading import fetch
for hub, revision in [("organisation/model", "abc123"), ("not a/hub/name", "abc123")]:
    try:
        fetch(hub, revision, False)
    except ThinkscaleError as error:
        print(error)
"""


def test_a_hub_model_that_cannot_be_had_is_one_message(tmp_path):
    """In a process of its own: huggingface_hub reads its environment when imported."""
    library = str(Path(__file__).parents[3] / "workflow")
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
