"""The items of a study: read from its bank or drawn from the phantom's, and thought about."""

from pathlib import Path

import pandas as pd

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items.bank import Prepared, prepare_generated, prepare_items


def study_items(settings: Items, seed: int, report_path: Path | None = None) -> Prepared:
    """Prepare a study's items; see `prepare_items`."""
    if settings.source != "calibration":
        return prepare_items(settings, seed, report_path)
    from thinkscale.calibration.bank import generate_bank

    bank = generate_bank(settings.bank_size, seed)
    return prepare_generated(bank, settings, seed, report_path)


def check_thought(responses: pd.DataFrame) -> None:
    """Raise ThinkscaleError where a model could think about no item, with the first reason."""
    for model, own in responses.groupby("model", sort=False):
        if own["error"].notna().all():
            raise ThinkscaleError(
                f"model {model}: none of the {own['item_id'].nunique()} items could be thought "
                f"about ({own['item_id'].iloc[0]}: {own['error'].iloc[0]}); expected a larger "
                "`inference.context`, a smaller `inference.max_answer_tokens` or shorter items"
            )
