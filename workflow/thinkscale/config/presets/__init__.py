"""Known banks and families of models."""
