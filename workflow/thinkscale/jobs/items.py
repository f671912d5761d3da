"""The items of a study, read from its bank or drawn from the phantom's."""

from pathlib import Path

from thinkscale.config.items import Items
from thinkscale.items.bank import Prepared, prepare_generated, prepare_items


def study_items(settings: Items, seed: int, report_path: Path | None = None) -> Prepared:
    """Prepare a study's items; see `prepare_items`."""
    if settings.source != "calibration":
        return prepare_items(settings, seed, report_path)
    from thinkscale.calibration.bank import generate_bank

    bank = generate_bank(settings.bank_size, seed)
    return prepare_generated(bank, settings, seed, report_path)
