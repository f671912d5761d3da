"""Supervised fine-tuning of a causal language model on reasoning traces."""
