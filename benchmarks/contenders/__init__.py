"""The contenders of the sweep; each module has `prepare(work)`, which returns what is timed."""
