"""What a study says: in words generated from its tables, on a page, and of its methods."""

from thinkscale.report.summary import summary, words

__all__ = ["summary", "words"]
