"""What runs on transformers."""
