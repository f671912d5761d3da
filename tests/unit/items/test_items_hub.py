"""A data set of the hub, from a server on this machine that speaks the little that is needed."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import unquote, urlparse

import huggingface_hub.constants
import pytest

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items.sources import Source, raw_items

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"
CARD = """\
---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train.jsonl}
  - {split: test, path: main/test-*.jsonl}
- config_name: other
  data_files:
  - {split: test, path: other/test.jsonl}
---
"""
BANK = {"hub": "me/bank", "revision": COMMIT, "config": "main", "split": "test", "preset": "gsm8k"}


class Hub:
    """What the server holds, by commit and path, and which paths it was asked for."""

    def __init__(self):
        shards = [
            "".join(f'{{"question": "{q}?", "answer": "so #### {q}"}}\n' for q in shard).encode()
            for shard in ("ab", "c")
        ]
        train = b'{"question": "t?", "answer": "#### 1"}\n'
        self.files = {
            COMMIT: {
                "README.md": CARD.encode(),
                "main/train.jsonl": train,
                "main/test-00000-of-00002.jsonl": shards[0],
                "main/test-00001-of-00002.jsonl": shards[1],
                "other/test.jsonl": b'{"question": "d?", "answer": "#### 4"}\n',
                "model.safetensors": b"weights",
            },
            OTHER: {"main/train.jsonl": train},
        }
        self.asked: list[str] = []
        self.broken: set[str] = set()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    held = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = unquote(urlparse(self.path).path)
            held.asked.append(path)
            for commit, files in held.files.items():
                if path.startswith(f"/api/datasets/me/bank/tree/{commit}"):
                    return self.give(json.dumps([self.entry(*f) for f in files.items()]).encode())
                name = path.removeprefix(f"/datasets/me/bank/resolve/{commit}/")
                if name in held.broken:
                    return self.give(b"", 500)
                if name in files:
                    digest = hashlib.sha1(files[name]).hexdigest()
                    return self.give(files[name], ETag=f'"{digest}"', **{"X-Repo-Commit": commit})
            code = "RevisionNotFound" if "/me/bank/" in path else "RepoNotFound"
            return self.give(b"{}", 404, **{"X-Error-Code": code})

        def entry(self, path, content):
            oid = hashlib.sha1(content).hexdigest()
            return {"type": "file", "path": path, "size": len(content), "oid": oid}

        def give(self, content, code=200, **headers):
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    at = f"http://127.0.0.1:{server.server_port}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", at)
    template = at + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # Retries are left to the library; waiting between them is not.
    no_wait = SimpleNamespace(sleep=lambda seconds: None, time=time.time)
    monkeypatch.setattr("huggingface_hub.utils._http.time", no_wait)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


def read(**keys):
    return list(raw_items(Source(Items(**{**BANK, **keys}), seed=1)))


def message(**keys):
    with pytest.raises(ThinkscaleError) as error:
        read(**keys)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_split_is_read_and_then_read_without_the_hub(hub):
    items = read()
    assert [(i.row, i.item_id, i.stem, i.answer_text) for i in items] == [
        (1, "bank-1", "a?", "a"),
        (2, "bank-2", "b?", "b"),
        (3, "bank-3", "c?", "c"),
    ]
    assert not any(path.endswith(".safetensors") for path in hub.asked)
    hub.asked.clear()
    assert read(offline=True) == items
    assert read() == items
    assert read(config="other", offline=True)[0].stem == "d?"
    assert not hub.asked


def test_offline_and_not_cached(hub):
    said = message(offline=True)
    command = f"hf download me/bank --repo-type dataset --revision {COMMIT}"
    assert "me/bank@0123456789ab (main/test) is not in the local cache" in said
    assert "`offline` is true" in said
    assert command in said
    assert not hub.asked


def test_another_commit_in_the_cache_does_not_stand_in(hub):
    read(revision=OTHER, config=None, split="train")
    assert "not in the local cache" in message(offline=True)


def test_a_download_that_broke_off_does_not_stand_in(hub):
    hub.broken.add("main/test-00001-of-00002.jsonl")
    assert "hub cannot be reached" in message()
    said = message(offline=True)
    assert (
        "is not in the local cache" in said and "incomplete: " in said and "00001-of-00002" in said
    )
    hub.broken.clear()
    assert len(read()) == 3


def test_a_hub_that_is_not_there(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    said = message()
    assert "cannot be reached" in said
    assert "hf download me/bank" in said


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"hub": "me/none"}, ["no data set me/none"]),
        ({"revision": "0" * 40}, ["no commit 0000000"]),
        ({"config": "nope"}, ["'nope'", "main", "other"]),
        ({"config": None}, ["main", "other"]),
        ({"split": "dev"}, ["dev", "train", "test"]),
        ({"columns": {"stem": "quest"}}, ["no column 'quest'", "did you mean 'question'"]),
    ],
)
def test_what_the_hub_has_not(hub, keys, words):
    said = message(**keys)
    assert all(word in said for word in words), said


def test_a_bad_cell_is_named_by_its_row(hub):
    said = message(columns={"difficulty": "question"})
    assert "me/bank@0123456789ab (main/test), row 1, column question is 'a?'" in said
