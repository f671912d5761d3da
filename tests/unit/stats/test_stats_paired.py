"""Flips, token change and two models compared, by hand and by published numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference

from thinkscale.stats.mcnemar import mcnemar_exact


def test_flips_by_hand():
    before = np.array([1, 1, 0, 0, 0, 0, 0, 0], bool)
    after = np.array([1, 0, 1, 1, 1, 1, 1, 0], bool)
    found = mcnemar_exact(before, after)
    assert (found.both_correct, found.wrong_to_right) == (1, 5)
    assert (found.right_to_wrong, found.both_wrong) == (1, 1)
    assert found.p == pytest.approx(14 / 64)  # two-sided binomial of 5 in 6


@settings(deadline=None)  # a shared machine may stall
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_exact_mcnemar_is_that_of_statsmodels(pairs):
    before, after = np.array(pairs).T
    found = mcnemar_exact(before, after)
    table = [
        [found.both_correct, found.right_to_wrong],
        [found.wrong_to_right, found.both_wrong],
    ]
    assert np.sum(table) == len(pairs)
    if found.wrong_to_right + found.right_to_wrong:
        assert found.p == pytest.approx(reference(table, exact=True).pvalue)
    else:
        assert found.p == 1
