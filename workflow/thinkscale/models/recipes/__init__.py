"""How a model is derived from a parent."""
