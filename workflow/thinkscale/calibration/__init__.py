"""The instrument's phantom: a generated item bank and a tiny language model that really thinks."""
