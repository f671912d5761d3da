"""Models by content."""
