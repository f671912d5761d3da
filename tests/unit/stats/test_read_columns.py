"""What an analysis says that it reads of the graded responses is all that its table needs."""

import inspect
import pkgutil
from importlib import import_module

import pandas as pd
import pytest

from graded_frames import graded_frame, searches_frame, with_readouts
from thinkscale import stats
from thinkscale.data import contracts

SPOKEN = {"model": "a", "condition": "natural", "kind": "script", "name": "Latn", "share": 1.0}
FURTHER = {
    "consensus": {"ks": [1, 2]},
    "language_mixing": {"languages": pd.DataFrame([SPOKEN | {"item_id": "i0", "sample": 0}])},
    "ledger": {"usage": [dict.fromkeys(["parameters", "chains"], 1) | {"model": "a"}]},
    "model_comparison": {"pairs": [("a", "a")]},
}
FEW = {"n_boot": 20, "n_permutations": 20, "seed": 1}
ONCE = {"repeats": 1}  # of what is dear


def sparing():
    """Analyses that say which columns they read."""
    modules = (
        import_module(f"thinkscale.stats.{m.name}") for m in pkgutil.iter_modules(stats.__path__)
    )
    return [module for module in modules if hasattr(module, "READS")]


@pytest.mark.parametrize("module", sparing(), ids=lambda module: module.__name__.split(".")[-1])
def test_columns_that_are_not_read_change_nothing(module):
    more = {**dict.fromkeys(contracts.LEDGER, 1), "seconds": 1.0, "response_time": 2.0}
    graded = with_readouts(graded_frame(models=["a"], items=20, samples=2))
    graded = graded.assign(**{k: v for k, v in more.items() if k not in graded})
    graded = graded.assign(outcome_strict=graded["outcome"])
    families = tuple(name for name in module.READS if name.endswith("_"))
    read = graded[[c for c in graded if c in module.READS or c.startswith(families)]]
    assert len(read.columns) < len(graded.columns)
    given = inspect.signature(module.tabulate).parameters
    options = {k: v for k, v in FEW.items() if k in given or "options" in given}
    options |= {k: v for k, v in ONCE.items() if k in given}
    options |= FURTHER.get(module.__name__.split(".")[-1], {})
    if "searches" in given:
        options["searches"] = searches_frame(graded, lambda way, n, items, rng: rng.random(items))
    whole, part = (module.tabulate(graded=frame, **options) for frame in (graded, read))
    pd.testing.assert_frame_equal(whole, part)


def test_the_tables_of_most_rows_are_among_them():
    names = {module.__name__.split(".")[-1] for module in sparing()}
    assert {"accuracy", "mcnemar", "registration", "readout", "ledger", "rasch"} <= names
