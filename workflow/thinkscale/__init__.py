"""Measure how a reasoning model's thinking scales at test time."""

__version__ = "0.1.0"
