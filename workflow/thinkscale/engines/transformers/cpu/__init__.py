"""Kernels for a CPU: README.md says what they replace, when they are used and what they gain."""
