"""Studies that are right, but for what a test changes."""

import pytest

from thinkscale.config import parse_study
from thinkscale.errors import ThinkscaleError


def study(**changes):
    """A study that is right, but for `changes`: values by dotted path, list places as numbers."""
    values = {
        "study": "s",
        "items": {"source": "calibration"},
        "models": [
            {"name": "one", "path": "model"},
            {"name": "two", "derive": {"parent": "one", "corpus": "traces"}},
        ],
        "corpora": [{"name": "traces", "source": "corpus.jsonl"}],
        "inference": {"temperature": 1.0},
    }
    for path, value in changes.items():
        here, *parts = values, *path.split(".")
        for part in parts[:-1]:
            here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
        here[int(parts[-1]) if isinstance(here, list) else parts[-1]] = value
    return values


def message(values) -> str:
    with pytest.raises(ThinkscaleError) as raised:
        parse_study(values, "my.yaml")
    return str(raised.value)
