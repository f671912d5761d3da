"""Corpora as streams: their formats, their tokens, counted and compared in bounded memory."""
