"""Concordance of difficulty with lengths of which some were cut."""

from functools import cache

import numpy as np
import pandas as pd

from simulated import Analysis, grid, read
from simulated._tokens import normals
from thinkscale.stats.core.concordance import concordance


def responses(rng, n, samples, rho, cut):
    """Lengths that follow difficulty by `rho`, the share `cut` of them cut at one length."""
    true, difficulty = normals(rng, [[1, rho], [rho, 1]], n)
    logs = np.sqrt(0.7) * true[:, None] + np.sqrt(0.3) * rng.normal(size=(n, samples))
    most = {0.1: 1.2816, 0.4: 0.2533}[cut]
    item = np.repeat(np.arange(n), samples)
    return pd.DataFrame({
        **{"item_id": item, "cluster": item, "difficulty": difficulty[item]},
        "think_tokens": np.exp(6 + np.minimum(logs, most).ravel()),
        "censored": logs.ravel() > most,
    })  # fmt: skip


@cache
def truth(rho: float, cut: float) -> float:
    if rho == 0:
        return 0.0
    rng = np.random.default_rng(1)
    found = [concordance(responses(rng, 1500, 1, rho, cut), "difficulty")[1] for _ in range(40)]
    return float(np.mean([one.estimate for one in found]))


def study(rng, n, samples, rho, cut):
    _, found = concordance(responses(rng, n, samples, rho, cut), "difficulty")
    yield read("somers_d", found.row(), truth(rho, cut), null=rho == 0)


ANALYSIS = Analysis(
    study,
    grid(n=[20, 50, 200], samples=[1, 4], rho=[0.0, 0.5], cut=[0.1, 0.4]),
    "Somers' D of registration: log-normal lengths that follow difficulty by `rho`, items sharing "
    "seven tenths of their variance between samples, cut where they are longer than all but the "
    "share `cut`.",
    {"": "The jackknife of 20 items is short by a per cent or two."},
)
