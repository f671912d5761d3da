"""Item banks: reading files in one schema, cleaning with a record, drawing subsets.

item.py has an item on its way, from its source to the study; sources.py reads a bank into a stream.
"""
