"""Statistics: one module an analysis, named as its table is, and `core` for what they share.

A module has the statistic with its source, the `COLUMNS` of its table in order, and `tabulate`,
from the graded frame (see `thinkscale.data.graded`) and the analysis's options to that table.

    from thinkscale.stats import accuracy
    table = accuracy.tabulate(graded, confidence=0.95)

Levels are `confidence` (0..1), resamples `n_boot`, permutations `n_permutations`; `seed` fixes
both (`core.resampling.Draws`). Every row names its test and correction in `method`, and a missing
estimate has its reason there. `errors` counts items that did not fit the model's context: nothing
was asked and nothing thought about them, so that they are not correct and have no tokens.
`n_excluded` counts items that the study leaves out because they occur in a corpus.
Nothing here needs torch.
"""
