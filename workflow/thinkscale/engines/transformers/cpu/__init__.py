"""Kernels for a CPU."""
