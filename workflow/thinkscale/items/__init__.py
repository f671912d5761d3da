"""Item banks: reading files in one schema, cleaning with a record, drawing subsets.

>>> items, report = read_bank("bank.csv", Columns(stem="question", options="options", key="key"))
>>> first = subset(items, 100, seed=1)
"""

from thinkscale.items.cleaning import Cleaning
from thinkscale.items.sources import Columns, read_bank
from thinkscale.items.subset import subset

__all__ = ["Cleaning", "Columns", "read_bank", "subset"]
