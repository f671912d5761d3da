"""Difficulty of every item for people, predicted from what models did with the others.

Out of sample throughout: items are dealt into five parts, whole clusters together, each part is
predicted from the other four, and all of it is repeated with other parts. The ridge penalty, the
scaling, what is put for missing values and the text's components are found within the four.

What people did with an item (response times, the bank's other columns) predicts nothing here: it
would not be known of a new item.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from thinkscale.data.seeds import generator
from thinkscale.stats.consensus import ballots
from thinkscale.stats.core import frame

READS = [*frame.NEEDED, "readout_entropy", "readout_key"]
COLUMNS = [
    *["item_id", "cluster", "features", "learner", "n_features", "difficulty", "predicted"],
    *["squared_error", "absolute_error", "n", "without_difficulty", "n_excluded", "method"],
]
FOLDS, REPEATS = 5, 5
FEWEST_ITEMS = 20
COMPONENTS = 30  # of the text, at most, and at most one for ten items it is learnt from
DUMMY, LENGTH = "dummy", "length"
# What an item is predicted from: groups of features, each known without asking a person.
SETS = {
    LENGTH: ["length"],
    "length and text": ["length", "text"],
    "length and thinking": ["length", "thinking"],
    "length and answers": ["length", "answers"],
    "length and readout": ["length", "readout"],
    "all": ["length", "text", "thinking", "answers", "readout"],
}
PENALTIES = np.logspace(-2, 4, 13)


def tabulate(
    graded: pd.DataFrame,
    items: pd.DataFrame | None = None,
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> pd.DataFrame:
    """Out-of-fold predictions of human difficulty for every item, set of features and learner.

    Features are the length of the stem and the number of options (`length`); TF-IDF of stem and
    options, reduced to latent components (`text`, where `items` by the contract are given); and of
    every model in the natural condition, the log of mean thinking tokens (`thinking`), accuracy and
    the share of the samples that agree with the plurality (`answers`), and the mean entropy and
    key's probability of readouts, where there are some. Sets without features of their own are
    left out. Learners are the mean of the others (`dummy`), `ridge` and gradient `boosting`.

    `predicted` and the errors are means over `repeats` partitions. Items without a difficulty are
    left out and counted. Fewer than 20 items, or 10 clusters, are not enough: the table then gives
    the reason and no predictions.
    """
    own = frame.prepare(frame.natural(graded))
    every = own.drop_duplicates("item_id").set_index("item_id").sort_index()
    used = every[every["difficulty"].notna()]
    blocks = {name: table.reindex(used.index) for name, table in _features(own).items()}
    texts = None if items is None else _texts(items).reindex(used.index)
    sizes = {"n": len(used), "without_difficulty": len(every) - len(used)}
    if reason := _impossible(used):
        note = {"features": DUMMY, "learner": "mean", "method": f"not estimated: {reason}"}
        facts = used.reset_index()[["item_id", "cluster", "difficulty"]]
        return frame.table(facts.assign(**sizes, **note).to_dict("records"), COLUMNS, graded)
    difficulty = used["difficulty"].to_numpy()
    sums: dict[tuple[str, str], np.ndarray] = {}
    widths: dict[str, int] = {}
    for train, test in _splits(used["cluster"].to_numpy(), repeats, seed):
        for features, learner, x in _fits(blocks, texts, train):
            model = _learner(learner).fit(x[train], difficulty[train])
            predicted = model.predict(x[test])
            error = predicted - difficulty[test]
            found = sums.setdefault((features, learner), np.zeros((3, len(used))))
            found[:, test] += predicted, error**2, np.abs(error)
            widths[features] = x.shape[1]
    names = ["predicted", "squared_error", "absolute_error"]
    how = f"{FOLDS}-fold by cluster, {repeats} partitions; {{}}"
    tables = [
        used.reset_index()[["item_id", "cluster", "difficulty"]].assign(
            features=features,
            learner=learner,
            n_features=widths[features],
            **sizes,
            **dict(zip(names, found / repeats, strict=True)),
            method=how.format(LEARNERS[learner]),
        )
        for (features, learner), found in sums.items()
    ]
    return frame.table(pd.concat(tables).to_dict("records"), COLUMNS, graded)


LEARNERS = {
    "mean": "mean of the other items",
    "ridge": "ridge, penalty by leave-one-out within the fold, missing values by median",
    "boosting": "histogram gradient boosting, 100 trees of 8 leaves",
}


def _learner(name: str) -> RegressorMixin:
    if name == "mean":
        return DummyRegressor()
    if name == "ridge":
        # A feature that no training item has gives nothing to learn, and 0 serves.
        impute = SimpleImputer(strategy="median", keep_empty_features=True)
        return make_pipeline(impute, StandardScaler(), RidgeCV(PENALTIES))
    return HistGradientBoostingRegressor(max_leaf_nodes=8, early_stopping=False)


def _splits(
    clusters: np.ndarray, repeats: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield indices of training and test items, all folds of every partition."""
    draws = generator(seed, "prediction")
    groups = np.unique(clusters, return_inverse=True)[1]  # numbers are split far faster than names
    for _ in range(repeats):
        folds = GroupKFold(FOLDS, shuffle=True, random_state=int(draws.integers(2**31)))
        yield from folds.split(groups, groups=groups)


def _fits(
    blocks: dict[str, pd.DataFrame], texts: pd.Series | None, train: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield set, learner and features (n, k), the text's as the training items have them."""
    known = {name: block.to_numpy(float) for name, block in blocks.items()}
    if texts is not None:
        known["text"] = _latent(texts.to_numpy(), train)
    yield DUMMY, "mean", known["length"][:, :0]
    for features, wanted in SETS.items():
        there = [name for name in wanted if name in known]
        if features != LENGTH and there == ["length"]:
            continue
        x = np.hstack([known[name] for name in there])
        for learner in ("ridge", "boosting"):
            yield features, learner, x


def _latent(texts: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Latent components (n, k) of the texts' TF-IDF, both as the training items have them.

    One component that is the same for all if no two of these items share a word.
    """
    counts = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+", min_df=2)
    try:
        fitted = counts.fit_transform(texts[train])
    except ValueError:
        return np.zeros((len(texts), 1))
    k = max(1, min(COMPONENTS, len(train) // 10, fitted.shape[1] - 1))
    components = TruncatedSVD(k, random_state=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # texts that are all alike
        components.fit(fitted)
    return components.transform(counts.transform(texts))


def _texts(items: pd.DataFrame) -> pd.Series:
    """Stem and options of each item, by its id."""
    options = items["options"].map(lambda given: " ".join(option["text"] for option in given))
    return (items["stem"] + " " + options).set_axis(items["item_id"].astype(str))


def _features(own: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Groups of features by item, of the models' natural responses; one column a model and kind."""
    answered = own[own["fits"]]
    cells = [answered["item_id"], answered["model"]]
    means = answered.groupby(cells)[["think_tokens", "correct"]].mean()
    votes = ballots(answered).groupby([*cells, "ballot"]).size().groupby(level=[0, 1]).max()
    agreed = votes.reindex(means.index, fill_value=0) / answered.groupby(cells).size()
    facts = own.groupby("item_id")[["stem_chars", "n_options"]].first().astype(float)
    blocks = {
        "length": facts,
        "thinking": np.log1p(means[["think_tokens"]]).unstack(),
        "answers": means[["correct"]].assign(agreed=agreed).unstack(),
    }
    readouts = [name for name in ("readout_entropy", "readout_key") if name in answered]
    if readouts and answered[readouts].notna().any(axis=None):
        read = answered[readouts].astype(float).groupby(cells).mean()
        blocks["readout"] = read.unstack().dropna(axis=1, how="all")
    return blocks


def _impossible(used: pd.DataFrame) -> str:
    """Why nothing can be predicted; empty where it can."""
    if len(used) < FEWEST_ITEMS:
        return f"{len(used)} items with a difficulty, at least {FEWEST_ITEMS} are needed"
    if (clusters := used["cluster"].nunique()) < 2 * FOLDS:
        return f"{clusters} clusters of items, at least {2 * FOLDS} are needed"
    if np.ptp(used["difficulty"]) == 0:
        return "difficulty does not vary"
    return ""
