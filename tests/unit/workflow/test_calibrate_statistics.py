"""The page of coverage and size: every analysis is simulated, counted and judged."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import calibrate_statistics as page_maker
import numpy as np
import pandas as pd
import pytest
import simulated
from simulated import Analysis, Reading

from thinkscale import stats

DOCS = Path(page_maker.__file__).parents[1] / "docs"
ANALYSES = simulated.analyses()


@pytest.mark.parametrize("name", ANALYSES)
def test_a_study_of_every_analysis_is_simulated_and_read(name):
    analysis = ANALYSES[name]
    found = list(analysis.study(np.random.default_rng(3), **analysis.settings[0]))
    assert found and len({reading.measure for reading in found}) == len(found)
    covers = any(np.isfinite(r.truth) and r.lower <= r.upper for r in found)
    tests = any(r.null and 0 <= r.p <= 1 for r in found)
    assert covers or tests


def test_every_interval_and_test_is_simulated_or_another_one_stands_for_it():
    tables = {module.name for module in iter_modules(stats.__path__) if not module.ispkg}
    columns = {n: getattr(import_module(f"thinkscale.stats.{n}"), "COLUMNS", ()) for n in tables}
    held = {name for name, own in columns.items() if {"lower", "p"} & set(own)}
    assert held <= {*ANALYSES, *simulated.COVERED}
    assert set(simulated.COVERED) <= held - set(ANALYSES)


def coin(rng, n, short):
    """An interval that holds 0 unless the first normal number is far out, or far too often not."""
    mean = rng.normal()
    half = 0.5 if short else 1.959964
    p = 0.01 if abs(mean) > 1.959964 else 0.5
    yield Reading("mean", 0.0, mean - half, mean + half, p, True)
    yield Reading("nothing", 0.0, np.nan, np.nan, np.nan, True)


@pytest.fixture
def coins(monkeypatch):
    settings = simulated.grid(n=[1], short=[False, True])
    found = {"coin": Analysis(coin, settings, "Coins.", {"mean": "It is short."}, studies=600)}
    monkeypatch.setattr(simulated, "analyses", lambda: found)
    monkeypatch.setattr(page_maker, "code_digest", lambda *_: "c0de")
    monkeypatch.setattr(page_maker, "Pool", Here)
    return found


class Here:
    """A pool that works here."""

    asked = 0

    def __init__(self, processes):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def imap(self, work, tasks):
        type(self).asked = len(tasks)
        return map(work, tasks)


def test_coverage_and_size_are_counted_and_what_is_off_is_bold(coins, tmp_path):
    page_maker.run(["coin"], None, 1, tmp_path)
    table = pd.read_csv(tmp_path / "calibration-of-statistics.csv")
    right, short = table[table["measure"] == "mean"].itertuples()
    assert right.studies == short.studies == right.intervals == right.tests == 600
    # 95 % and 38.3 % of a normal law lie within 1.96 and 0.5
    assert (right.below + right.above) / 600 == pytest.approx(0.05, abs=0.027)
    assert (short.below + short.above) / 600 == pytest.approx(0.617, abs=0.06)
    assert right.rejected == right.below + right.above
    page = (tmp_path / "calibration-of-statistics.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| n 1")]
    assert "**" not in lines[0].split("|")[4] and "**38" in lines[2].replace("**37", "**38")
    assert "*mean*: It is short." in page and "nothing" in page


def test_what_is_there_from_the_same_code_is_kept(coins, tmp_path, monkeypatch):
    page_maker.run(["coin"], 50, 1, tmp_path)
    assert Here.asked == 4
    page_maker.run(["coin"], 50, 1, tmp_path)
    assert Here.asked == 0
    page_maker.run(["coin"], 60, 1, tmp_path)
    assert Here.asked == 6
    monkeypatch.setattr(page_maker, "code_digest", lambda *_: "0ther")
    page_maker.run(["coin"], 50, 1, tmp_path)
    assert Here.asked == 4
    table = pd.read_csv(tmp_path / "calibration-of-statistics.csv")
    assert (table["studies"] == 50).all() and set(table["code"]) == {"0ther"}


def test_the_digest_changes_with_the_study_and_not_with_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr(page_maker, "HERE", tmp_path)
    (tmp_path / "simulated").mkdir()
    module, analysis = tmp_path / "simulated" / "accuracy.py", ANALYSES["accuracy"]
    digests = []
    for text in ("x = 1\nANALYSIS = 1\n", "x = 1\nANALYSIS = 2\n", "x = 2\nANALYSIS = 2\n"):
        module.write_text(text)
        digests.append(page_maker.code_digest("accuracy", analysis))
    assert digests[0] == digests[1] != digests[2]


def test_the_page_that_is_here_is_made_of_its_numbers():
    table = pd.read_csv(DOCS / "calibration-of-statistics.csv")
    assert (DOCS / "calibration-of-statistics.md").read_text() == page_maker.page(table, ANALYSES)
