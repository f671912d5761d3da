"""Fixtures of several files."""

import pytest


@pytest.fixture(scope="module")
def one_thread():
    """Tiny models are fastest on one thread, and tests run side by side."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
