"""Statistics of a study, each analysis a function from graded responses to a tidy table.

There is one function for each table of `COLUMNS` that is computed, named like it; the statistics
they are made of are here too, for use on plain arrays. Nothing in this package needs torch.
"""

from thinkscale.stats.consensus import cons_at_k, pass_at_k
from thinkscale.stats.core.columns import COLUMNS
from thinkscale.stats.core.distributions import Smoothing, divergences
from thinkscale.stats.core.intervals import Interval, clustered_mean
from thinkscale.stats.core.paired import hodges_lehmann, mcnemar_exact, signed_rank_p
from thinkscale.stats.core.resampling import generator, holm, sign_flip
from thinkscale.stats.core.sides import Documents, Groups, as_documents, piece_lengths, spans
from thinkscale.stats.divergence import divergence, divergence_tokens, piece_tokens
from thinkscale.stats.grader_agreement import grader_agreement
from thinkscale.stats.ledger import ledger
from thinkscale.stats.model_comparison import williams
from thinkscale.stats.overlap import (
    Ngrams,
    contaminated,
    ngrams,
    occurring,
    overlap,
    overlap_summary,
    without_items,
)
from thinkscale.stats.registration import correlate, detectable_correlation
from thinkscale.stats.tables_natural import (
    consensus,
    model_comparison,
    outcome_difficulty,
    registration,
)
from thinkscale.stats.tables_sweep import accuracy, mcnemar, token_change

__all__ = [
    "COLUMNS",
    "Documents",
    "Groups",
    "Interval",
    "Ngrams",
    "Smoothing",
    "accuracy",
    "as_documents",
    "clustered_mean",
    "cons_at_k",
    "consensus",
    "contaminated",
    "correlate",
    "detectable_correlation",
    "divergence",
    "divergence_tokens",
    "divergences",
    "generator",
    "grader_agreement",
    "hodges_lehmann",
    "holm",
    "ledger",
    "mcnemar",
    "mcnemar_exact",
    "model_comparison",
    "ngrams",
    "occurring",
    "outcome_difficulty",
    "overlap",
    "overlap_summary",
    "pass_at_k",
    "piece_lengths",
    "piece_tokens",
    "registration",
    "sign_flip",
    "signed_rank_p",
    "spans",
    "token_change",
    "williams",
    "without_items",
]
