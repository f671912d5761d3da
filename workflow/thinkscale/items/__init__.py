"""Item banks: reading files in one schema, cleaning with a record, drawing subsets.

raw.py is an item as its source gives it; sources.py reads a bank into a stream of them.
"""
