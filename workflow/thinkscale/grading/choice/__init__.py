"""Multiple choice: which option an answer text names."""
