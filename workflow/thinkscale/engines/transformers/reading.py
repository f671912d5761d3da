"""Read the probabilities of continuations: nothing is sampled, and no token is left out.

A request's continuations are a trie below its prompt. Every node that tokens follow is a leaf of
the row, a probe; all are planted at once, so that one pass reads them unless it is full. The
log-probability of a continuation is the sum of those of its tokens, each behind the ones before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from thinkscale.engines.base import Completion, Ids, Request

_LOGITS = 2**24  # how many are held in float64 at a time


@dataclass
class Reading:
    """What a request that reads has come to.

    following: by node, which is the tokens behind the prompt, the tokens that go on from there.
    found: by node, the log-probability of its last token.
    """

    request: Request
    following: dict[Ids, list[int]] = field(default_factory=dict)
    found: dict[Ids, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes = {ids[:n]: None for ids in self.request.read for n in range(1, len(ids) + 1)}
        for *before, token in nodes:
            self.following.setdefault(tuple(before), []).append(token)

    @property
    def completion(self) -> Completion | None:
        """The request's, once all of it is read."""
        if len(self.found) < sum(map(len, self.following.values())):
            return None
        read = self.request.read
        sums = (sum(self.found[ids[:n]] for n in range(1, len(ids) + 1)) for ids in read)
        return Completion((), (), "length", logprobs=tuple(sums))


def read(logits: torch.Tensor, probes: Sequence[tuple[Reading, Ids]], vocabulary: int) -> None:
    """Note what logits (B, V'), one row a probe, say of the tokens that follow it.

    The log-softmax is over ids below `vocabulary`, in float64, at temperature 1.
    """
    logits = logits[:, :vocabulary]
    most = max(_LOGITS // vocabulary, 1)
    totals = torch.cat([part.double().logsumexp(dim=-1) for part in logits.split(most)])
    nodes = [(reading, (*node, t)) for reading, node in probes for t in reading.following[node]]
    rows = [row for row, (reading, node) in enumerate(probes) for _ in reading.following[node]]
    tokens = [node[-1] for _, node in nodes]
    values = (logits[rows, tokens].double() - totals[rows]).tolist()
    for (reading, node), value in zip(nodes, values, strict=True):
        reading.found[node] = value
