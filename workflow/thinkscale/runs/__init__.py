"""Runs that were made elsewhere, and runs for others to look at: logs to responses, and back."""
