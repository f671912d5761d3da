"""Registration: how far the length of thinking follows human difficulty, across items."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from scipy import linalg, stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import pearson, rank_statistic
from thinkscale.stats.core.intervals import bootstrap
from thinkscale.stats.core.resampling import generator, permutation_of_pairs

COLUMNS = [
    *["model", "measure", "n", "without_difficulty", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "p", "p_method", "censored", "detectable", "method"],
]
MEASURES = ("spearman", "pearson_log", "kendall", "partial_spearman")
KENDALL_PERMUTATIONS_UP_TO = 1000  # items; each permutation costs the square of their number


@dataclass(frozen=True)
class Correlation:
    """A correlation with its interval and p; NaN come with the reason in `method`."""

    estimate: float
    lower: float
    upper: float
    p: float
    p_method: str
    method: str

    @classmethod
    def missing(cls, why: str) -> "Correlation":
        return cls(np.nan, np.nan, np.nan, np.nan, "", why)


def tabulate(
    graded: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlations of natural thinking length with difficulty, across items, for every model.

    Per item the mean thinking tokens over samples. Items without a difficulty are left out and
    counted in `without_difficulty`, those that did not fit the context are left out and counted in
    `errors`; `censored` is the share of natural responses, of the items kept, whose thinking was
    cut; `detectable` is the smallest correlation found with 80 % power.
    """
    rows = []
    for model, own in frame.by_model(frame.prepare(graded)):
        responses = frame.natural(own)
        items = frame.per_item(responses)
        known = items["difficulty"].notna()
        used = items[known & items["fits"]]
        errors = int((known & ~items["fits"]).sum())
        kept = responses["item_id"].isin(used.index)
        notes = "; mean tokens over samples; uncorrected" + frame.unfit_note(errors, "left out")
        if not known.all():
            notes += f"; {(~known).sum()} items without difficulty left out"
        if used["cluster"].nunique() < len(used):
            notes += "; items taken as independent, though some share a cluster"
        for measure in MEASURES:
            result = correlate(
                measure,
                used["tokens"].to_numpy(),
                used["difficulty"].to_numpy(),
                used[["stem_chars", "n_options"]],
                confidence=confidence,
                n_boot=n_boot,
                n_permutations=n_permutations,
                seed=seed,
                names=("registration", model),
            )
            rows.append(
                {
                    "model": model,
                    "measure": measure,
                    "n": len(used),
                    "without_difficulty": int((~known).sum()),
                    "errors": errors,
                    **asdict(result),
                    "censored": responses.loc[kept, "censored"].mean() if kept.any() else np.nan,
                    "detectable": detectable_correlation(len(used), confidence=confidence),
                    "method": result.method + notes,
                }
            )
    return frame.table(rows, COLUMNS, graded)


def detectable_correlation(n: int, *, power: float = 0.8, confidence: float = 0.95) -> float:
    """Smallest correlation that n items show with `power`, two-sided at 1 - confidence.

    By Fisher's z: tanh((z(1 - alpha/2) + z(power)) / sqrt(n - 3)); NaN for n <= 3.
    """
    if n <= 3:
        return np.nan
    needed = stats.norm.ppf((1 + confidence) / 2) + stats.norm.ppf(power)
    return float(np.tanh(needed / np.sqrt(n - 3)))


def correlate(
    measure: str,
    tokens: np.ndarray,
    difficulty: np.ndarray,
    covariates: pd.DataFrame | None = None,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
    names: Sequence[str] = (),
) -> Correlation:
    """One of `MEASURES` between thinking tokens and difficulty, both of shape (n,).

    `covariates` (n rows) are held constant by partial_spearman; a constant one is left out.
    `names` go into the random stream beside `seed`.
    """
    tokens, difficulty = np.asarray(tokens, float), np.asarray(difficulty, float)
    n = len(tokens)
    if reason := _impossible(n, tokens, difficulty):
        return Correlation.missing(f"not estimated: {reason}")
    rng = generator(seed, *names, measure)
    permute = {"n_permutations": n_permutations, "rng": rng}
    resample = {"confidence": confidence, "n_boot": n_boot, "rng": rng}

    if measure == "spearman":
        name, statistic = "Spearman", rank_statistic(tokens, difficulty)
        ranks = stats.rankdata(difficulty)
        fixed = stats.rankdata(tokens)
        interval = bootstrap(n, statistic, **resample)
        p, p_method = permutation_of_pairs(ranks, lambda y: pearson(fixed, y), **permute)
    elif measure == "pearson_log":
        shift = 0 if tokens.min() > 0 else 1
        name = f"Pearson on log(tokens{' + 1' if shift else ''})"
        logs = np.log(tokens + shift)
        interval = bootstrap(n, lambda i: pearson(logs[i], difficulty[i]), **resample)
        p, p_method = permutation_of_pairs(difficulty, lambda y: pearson(logs, y), **permute)
    elif measure == "kendall":
        name = "Kendall tau-b"
        interval = bootstrap(n, kendall_statistic(tokens, difficulty), **resample)
        p, p_method = _kendall_p(tokens, difficulty, n_permutations, rng)
    elif measure == "partial_spearman":
        held, name = _covariates(covariates)
        if n < held.shape[1] + 4:
            return Correlation.missing(f"{name}; not estimated: {n} items are too few")
        rest = _residuals(held, n)
        fixed, moved = (rest(stats.rankdata(column)) for column in (tokens, difficulty))
        if min(fixed @ fixed, moved @ moved) < 1e-9 * n**3:
            why = "the covariates explain tokens or difficulty wholly"
            return Correlation.missing(f"{name}; not estimated: {why}")
        interval = bootstrap(n, rank_statistic(tokens, difficulty, *held.T), **resample)
        interval = replace(interval, estimate=_partial_spearman(tokens, difficulty, held))
        # Freedman and Lane (1983): permute the part of difficulty's ranks that the covariates
        # leave over, then take out what the covariates explain of it by chance.
        p, p_method = permutation_of_pairs(moved, lambda y: pearson(fixed, rest(y)), **permute)
        p_method += ", of residuals (Freedman-Lane)"
    else:
        raise ValueError(f"unknown measure {measure!r}; expected one of {', '.join(MEASURES)}")
    return Correlation(
        interval.estimate, interval.lower, interval.upper, p, p_method, f"{name}; {interval.method}"
    )


def _impossible(n: int, tokens: np.ndarray, difficulty: np.ndarray) -> str:
    if n < 3:
        return f"{n} items with a difficulty, at least 3 are needed"
    if np.ptp(tokens) == 0:
        return "thinking tokens do not vary"
    if np.ptp(difficulty) == 0:
        return "difficulty does not vary"
    return ""


def kendall_statistic(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Kendall's tau-b as a function of item indices (..., n).

    A resample is a vector w of how often each item was drawn; concordance and ties are quadratic
    forms in w of matrices of signs made once, which is what makes thousands of resamples cheap.
    """
    n = len(x)
    sign_x, sign_y = _signs(x), _signs(y)
    forms = [sign_x * sign_y, np.abs(sign_x), np.abs(sign_y)]

    def statistic(index: np.ndarray) -> np.ndarray:
        flat = index.reshape(-1, index.shape[-1])
        offset = n * np.arange(len(flat))[:, None]
        drawn = np.bincount((flat + offset).ravel(), minlength=n * len(flat))
        drawn = drawn.reshape(len(flat), n).astype(float)
        same, pairs_x, pairs_y = (np.einsum("bi,bi->b", drawn @ form, drawn) for form in forms)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (same / np.sqrt(pairs_x * pairs_y)).reshape(index.shape[:-1])

    return statistic


def _signs(x: np.ndarray) -> np.ndarray:
    return np.sign(x[:, None] - x[None, :])


def _kendall_p(tokens, difficulty, n_permutations, rng) -> tuple[float, str]:
    if len(tokens) > KENDALL_PERMUTATIONS_UP_TO:
        return float(stats.kendalltau(tokens, difficulty).pvalue), "normal approximation with ties"
    fixed = _signs(tokens).astype(np.float32)
    moved = _signs(difficulty).astype(np.float32)

    def concordance(order: np.ndarray) -> np.ndarray:
        rows = order.reshape(-1, order.shape[-1])
        sums = [np.vdot(fixed, moved[row][:, row]) for row in rows]
        return np.array(sums, dtype=float).reshape(order.shape[:-1])

    units = np.arange(len(tokens))
    return permutation_of_pairs(units, concordance, n_permutations=n_permutations, rng=rng)


def _covariates(covariates: pd.DataFrame | None) -> tuple[np.ndarray, str]:
    """The covariates that vary, shape (n, c), and the measure's name with what was left out."""
    given = pd.DataFrame() if covariates is None else covariates
    held = [column for column in given if given[column].nunique(dropna=False) > 1]
    constant = [column for column in given if column not in held]
    name = "partial Spearman given " + (" and ".join(held) or "nothing")
    if constant:
        name += f" ({' and '.join(constant)} left out: constant)"
    return given[held].to_numpy(float).reshape(len(given), len(held)), name


def _partial_spearman(tokens: np.ndarray, difficulty: np.ndarray, held: np.ndarray) -> float:
    if not held.shape[1]:
        return float(stats.spearmanr(tokens, difficulty).statistic)
    import pingouin  # takes 2 s to import; only this needs it

    names = [f"covariate_{i}" for i in range(held.shape[1])]
    data = pd.DataFrame(held, columns=names).assign(tokens=tokens, difficulty=difficulty)
    result = pingouin.partial_corr(data, "tokens", "difficulty", names, method="spearman")
    return float(result["r"].iloc[0])


def _residuals(held: np.ndarray, n: int):
    """A function that takes from ranks (..., n) what the ranks of `held` (n, c) explain."""
    columns = [np.ones(n), *(stats.rankdata(column) for column in held.T)]
    basis = linalg.orth(np.column_stack(columns))  # (n, at most 1 + c)
    return lambda ranks: ranks - (ranks @ basis) @ basis.T
