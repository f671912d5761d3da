"""The size of a model, from the headers of its files."""

import math
from pathlib import Path

from safetensors import safe_open


def parameters(directory: Path) -> int:
    """How many numbers the weights of a model directory hold, from their files' headers alone."""
    total = 0
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="np") as weights:
            names = weights.keys()
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in names)
    return total
