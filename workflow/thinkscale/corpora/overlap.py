"""The items' n-grams looked for in a corpus, block by block."""

import threading

import numpy as np

from thinkscale.corpora.blocks import Block
from thinkscale.corpora.encode import Encoded
from thinkscale.stats import Documents, Ngrams, occurring


class NgramSearch:
    """Gathers which n-grams occur; `occurs` says it for each of `wanted.grams`."""

    def __init__(self, wanted: Ngrams):
        self.wanted = wanted
        self.occurs = np.zeros(len(wanted.grams), bool)
        self.documents = self.tokens = 0
        self._lock = threading.Lock()

    def take(self, block: Block, encoded: Encoded) -> None:
        """Look through a block; may be called by several threads at once."""
        texts = Documents(encoded.ids, encoded.lengths)
        found = occurring(self.wanted, texts, self.occurs)
        with self._lock:
            self.occurs[found] = True
            self.documents += block.documents
            self.tokens += texts.tokens
