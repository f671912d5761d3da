"""The items of a study: from its bank, or from the generator of one."""

import pandas as pd

from thinkscale.config.items import Items
from thinkscale.items import Columns, read_bank, subset


def prepare_items(settings: Items, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the study's items and the report of what cleaning changed.

    Raises ThinkscaleError naming the file, row and column at fault, or that items are too few.
    """
    if settings.source == "calibration":
        from thinkscale.calibration.bank import generate_bank
        from thinkscale.items.cleaning import report_frame

        items, report = generate_bank(settings.bank_size, seed), report_frame([])
    else:
        mapped = settings.columns.model_dump(exclude_none=True)
        items, report = read_bank(
            settings.source, Columns(**mapped), direction=settings.difficulty_direction
        )
    quantiles = settings.strata if settings.strata > 1 else None
    return subset(items, settings.n, seed, quantiles=quantiles, source=settings.source), report
