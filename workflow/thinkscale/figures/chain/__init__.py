"""Parts of the figure of one chain."""
