"""What a study says in words, generated from its tables."""

from thinkscale.report.summary import summary

__all__ = ["summary"]
