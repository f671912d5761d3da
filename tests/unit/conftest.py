"""Fixtures of several files."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def one_thread():
    """Tiny models are fastest on one thread, and tests run side by side."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a model and a bank, as a study file would name them."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")
    Path("bank.csv").write_text("stem,options,key\n")
    Path("corpus.jsonl").write_text("")
    return tmp_path
