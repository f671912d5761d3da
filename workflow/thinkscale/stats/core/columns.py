"""The columns of every table, in order; the files under `tables/` have exactly these.

`errors` is the same in all: how many items of the row did not fit the model's context. Nothing was
asked and nothing thought about them. They count as not correct in accuracy and are left out of
whatever needs tokens or pairs.

The files of tables that `tabulate.py` writes have one more column behind `errors`: `n_excluded`,
how many items the study leaves out because they occur in a corpus.
"""

from thinkscale.stats import divergence as _divergence
from thinkscale.stats import grader_agreement as _agreement
from thinkscale.stats import overlap as _overlap
from thinkscale.stats.core.frame import CONDITION

LEDGER = [
    *["prompt_tokens", "think_natural", "think_injected", "think_tokens", "forced_end_tokens"],
    *["answer_tokens", "new_tokens", "alone_tokens", "waits_done", "censored"],
]
# Which tokenizer, which corpus, what of it and what of the items were set against each other.
COMPARED = ["tokenizer", "corpus", "corpus_columns", "items_text"]
COLUMNS: dict[str, list[str]] = {
    "accuracy": [
        *["model", *CONDITION, "n_items", "n_responses", "errors", "estimate", "lower", "upper"],
        *["ungradable", "censored", "tokens_mean", "tokens_lower", "tokens_upper", "method"],
    ],
    "registration": [
        *["model", "measure", "n", "without_difficulty", "errors", "estimate", "lower", "upper"],
        *["p", "p_method", "censored", "detectable", "method"],
    ],
    "outcome_difficulty": [
        *["model", "measure", "n_items", "n_responses", "errors", "estimate", "lower", "upper"],
        *["p", "method"],
    ],
    "mcnemar": [
        *["model", *CONDITION, "n_items", "n_pairs", "errors", "both_correct", "wrong_to_right"],
        *["right_to_wrong", "both_wrong", "estimate", "lower", "upper", "p", "p_clustered"],
        *["p_holm", "method"],
    ],
    "token_change": [
        *["model", *CONDITION, "n_items", "n_pairs", "errors", "estimate", "lower", "upper"],
        *["mean_change", "p", "p_holm", "method"],
    ],
    "model_comparison": [
        *["model_a", "model_b", "measure", "n", "errors", "value_a", "value_b", "estimate"],
        *["lower", "upper", "p", "p_holm", "method"],
    ],
    "consensus": [
        *["model", "measure", "k", "n_items", "samples", "errors", "estimate", "lower", "upper"],
        "method",
    ],
    "grader_agreement": _agreement.COLUMNS,
    "divergence": [*COMPARED, *_divergence.ROW_COLUMNS],
    "divergence_tokens": ["tokenizer", "corpus", *_divergence.TOKEN_COLUMNS],
    "overlap": [*COMPARED, *_overlap.ITEM_COLUMNS],
    "overlap_summary": [*COMPARED, *_overlap.SUMMARY_COLUMNS],
    "training_loss": ["model", "step", "epoch", "loss", "learning_rate", "tokens"],
    "ledger": [
        *["model", "condition", "n_responses", "errors", *LEDGER, "shared_tokens", "seconds"],
        *["chains", "peak_memory_mib"],
    ],
}
