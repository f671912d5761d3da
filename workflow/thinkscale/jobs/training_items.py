"""The items that models learn on, and those they are measured on meanwhile: none is the study's."""

import pandas as pd

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.corpora import Generate
from thinkscale.config.models import Derivation, Grpo, HeldOutItems, Reward
from thinkscale.data.seeds import generator
from thinkscale.errors import ThinkscaleError
from thinkscale.items.bank import prepare_items


def training_items(asked: Reward | Grpo | Generate, seed: int) -> pd.DataFrame:
    """The items that a model thinks about for others to learn. Raises as `prepare_items` does."""
    if asked.bank is not None:
        return prepare_items(asked.bank, seed).items
    return generate_bank(asked.problems, seed, for_bank=False)


def split_items(derivation: Derivation, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The items that a model learns on, and those it is measured on (none unless asked for)."""
    own, held, n = derivation.grpo, derivation.held_out, derivation.held_out.n
    if derivation.eval_steps is None:
        items = training_items(own, seed)
        return items, items.iloc[:0]
    if held.bank is not None:
        apart, _ = drawn(prepare_items(held.bank, seed).items, n, seed)
        return training_items(own, seed), apart
    # Of one draw, so that no problem is among both.
    more = own.model_copy(update={"problems": own.problems + n})
    apart, items = drawn(training_items(more, seed), n, seed)
    if items.empty:
        raise ThinkscaleError(
            f"`derive.held_out.n`: found {n}, and the bank has {len(apart)} items; expected fewer, "
            "so that some are left to learn on"
        )
    return items, apart


def watched_items(asked: HeldOutItems, seed: int) -> pd.DataFrame:
    """Items that a model is measured on which learns from traces."""
    if asked.bank is None:
        return generate_bank(asked.n, seed, for_bank=False)
    return drawn(prepare_items(asked.bank, seed).items, asked.n, seed)[0]


def drawn(items: pd.DataFrame, n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`n` of the items, or as many as there are, at random; and the others."""
    names = sorted(items["item_id"])
    generator(seed, "held-out").shuffle(names)
    held = items["item_id"].isin(names[:n])
    return items[held].reset_index(drop=True), items[~held].reset_index(drop=True)
