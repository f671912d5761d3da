"""Tables: one rule an analysis, nearly all from the graded responses.

A table is named like the module of `thinkscale/stats` that makes it; `tabulated` says where the
report shows it. Required input: graded.parquet. Outputs: tables/*.csv, tidy, each row with its n,
estimate, interval and method.
"""


rule tabulate:
    """What the rules of all tables share; by itself it makes none."""
    input:
        graded=results("graded.parquet"),
    output:
        table=table("{name,(?!)}"),
    log:
        log_of("tabulate", "{name}.log"),
    benchmark:
        time_of("tabulate", "{name}.tsv")
    group:
        "tabulate"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        options=analyses("confidence"),
        code=analysis_code,
    script:
        "../scripts/tabulate.py"


use rule tabulate as measure_accuracy with:
    output:
        table=tabulated("accuracy", "Sweeps", "accuracy"),


use rule tabulate as correlate_difficulty with:
    output:
        table=tabulated("registration", "Registration", "registration"),
    params:
        options=resampling("confidence", "n_boot", "n_permutations", "controls"),


use rule tabulate as contrast_correlations with:
    output:
        table=tabulated("registration_contrasts", "Registration", "correlations compared"),


use rule tabulate as measure_reliability with:
    output:
        table=tabulated("reliability", "Registration", "reliability of thinking tokens"),


use rule tabulate as measure_allocation with:
    output:
        table=tabulated("allocation", "Allocation", "right against wrong answers within items"),


use rule tabulate as compare_outcomes with:
    output:
        table=tabulated("outcome_difficulty", "Registration", "difficulty by outcome"),
    params:
        options=resampling("confidence", "n_boot", "n_permutations"),


use rule tabulate as test_flips with:
    output:
        table=tabulated("mcnemar", "Sweeps", "flips against natural", when=FORCED),
    params:
        options=resampling("confidence", "n_permutations"),


use rule tabulate as measure_token_change with:
    output:
        table=tabulated("token_change", "Sweeps", "change of thinking tokens", when=FORCED),
    params:
        options=resampling("confidence", "n_permutations"),


use rule tabulate as measure_control with:
    output:
        table=tabulated("sweeps", "Sweeps", "control, scaling, performance", when=FORCED),
    params:
        options=resampling("confidence", "n_boot"),


use rule tabulate as find_plateau with:
    output:
        table=tabulated("plateau", "Sweeps", "budget that is enough", when=CUT),


use rule tabulate as choose_condition with:
    output:
        table=tabulated("best_condition", "Sweeps", "best condition", when=FORCED),
    params:
        options=resampling("confidence", "n_boot"),


use rule tabulate as test_equivalence with:
    output:
        table=tabulated("equivalence", "Sweeps", "as good as natural", when=FORCED),
    params:
        options=analyses("confidence", "equivalence_margin"),


use rule tabulate as find_frontier with:
    output:
        table=tabulated("frontier", "Compute", "accuracy and cost"),
    params:
        options=resampling("confidence", "n_boot") | {"ks": STUDY.analyses.consensus_k},
        code=code("data", "stats/core", "stats/consensus", "stats/frontier"),


use rule tabulate as set_waits_against_votes with:
    output:
        table=tabulated("waits_against_votes", "Compute", "waits and votes", when=WAITS_AND_VOTES),
    params:
        options=resampling("confidence", "n_permutations") | {"ks": STUDY.analyses.consensus_k},
        code=code(
            *("data", "stats/core", "stats/consensus", "stats/frontier"),
            "stats/waits_against_votes",
        ),


use rule tabulate as plan_sizes with:
    output:
        table=tabulated("power", "Power", "effects that are detected"),
    params:
        options=analyses("confidence", "power_items", "power_samples"),


use rule tabulate as compare_models with:
    output:
        table=tabulated("model_comparison", "Models", "pairs of models", when=MODELS[1:]),
    params:
        options=resampling("confidence", "n_boot", "n_permutations") | compared_pairs(),


use rule tabulate as vote with:
    output:
        table=tabulated("consensus", "Samples", "votes and pass@k"),
    params:
        options=resampling("confidence") | {"ks": STUDY.analyses.consensus_k},


use rule tabulate as compare_graders with:
    output:
        table=tabulated("grader_agreement", "Grading", "graders compared", when=SEVERAL_GRADERS),
    params:
        options=analyses("confidence"),


use rule tabulate as measure_readouts with:
    output:
        table=tabulated("readout", "Readout", "answers read and sampled", when=READOUT),


use rule tabulate as measure_calibration with:
    output:
        table=tabulated("readout_calibration", "Readout", "calibration", when=READOUT),
    params:
        options=resampling("confidence", "n_boot"),


use rule tabulate as bin_confidences with:
    output:
        table=tabulated("readout_bins", "Readout", "reliability bins", when=READOUT),


use rule tabulate as correlate_entropy with:
    output:
        table=tabulated("readout_difficulty", "Readout", "entropy and difficulty", when=READOUT),


use rule tabulate as sum_ledger with:
    input:
        **({"spent": results("spent.parquet")} if STUDY.strategies else {}),
        graded=results("graded.parquet"),
        usage=results("usage.json"),
    output:
        table=tabulated("ledger", "Compute", "token ledger", caption="ledger"),
    params:
        options={},


use rule tabulate as gather_losses with:
    input:
        losses=[results("training", f"{name}.csv") for name in LEARNED],
    output:
        table=tabulated("training_loss", "Training", "training loss", when=LEARNED),
    params:
        options={},


use rule tabulate as gather_rewards with:
    input:
        logs=[results("training", f"{name}.csv") for name in REINFORCED],
    output:
        table=tabulated("training_rewards", "Training", "rewards", when=REINFORCED),
    params:
        options={},


use rule tabulate as count_generated with:
    input:
        logs=[results("corpora", f"{name}.csv") for name in GENERATED],
    output:
        table=tabulated("generated", "Training", "traces that models wrote", when=GENERATED),


use rule tabulate as add_up_training with:
    input:
        table("accuracy"),
        table("ledger"),
        usage=results("usage.json"),
        losses=[results("training", f"{model.name}.csv") for model in TRAINED],
        corpora=[results("corpora", f"{name}.usage.json") for name in GENERATED],
    output:
        table=tabulated("training_cost", "Training", "cost of training", when=TRAINED),
    params:
        options={"made": origins(), "written": GENERATED},


use rule tabulate as measure_language_mixing with:
    input:
        results("languages.parquet"),
        graded=results("graded.parquet"),
    output:
        table=tabulated(
            "language_mixing", "Languages", "languages mixed", when=STUDY.analyses.languages
        ),


use rule tabulate as compare_strategies with:
    input:
        searches=results("searches.parquet"),
        graded=results("graded.parquet"),
    output:
        table=tabulated("strategies", "Strategies", "strategies", when=STUDY.strategies),
    params:
        options=analyses("confidence") | held_out(),


use rule compare_strategies as match_compute with:
    output:
        table=tabulated(
            "compute_matched",
            "Strategies",
            "strategies at equal compute",
            when=STUDY.strategies,
        ),


use rule compare_strategies as choose_by_difficulty with:
    output:
        table=tabulated(
            "compute_optimal",
            "Strategies",
            "best strategy by difficulty",
            when=STUDY.strategies,
        ),
    params:
        options=resampling("confidence") | held_out(),


use rule tabulate as measure_scorers with:
    input:
        ballots=results("ballots.parquet"),
        scores=results("scores.parquet"),
        graded=results("graded.parquet"),
    output:
        table=tabulated("scorer_quality", "Strategies", "scorers", when=STUDY.scorers),
    params:
        options=resampling("confidence", "n_boot"),


use rule tabulate as predict_difficulty with:
    input:
        results("items.parquet"),
        graded=results("graded.parquet"),
    output:
        table=tabulated("predicted_difficulty", "Prediction", "predictions of each item"),
    params:
        options=resampling(),
        # Whose votes agree is counted as for cons@k.
        code=code("data", "stats/core", "stats/consensus", "stats/predicted_difficulty"),


use rule tabulate as measure_prediction with:
    input:
        table("predicted_difficulty"),
    output:
        table=tabulated("prediction", "Prediction", "difficulty predicted"),
    params:
        options=resampling("confidence", "n_boot"),


use rule tabulate as fit_rasch with:
    output:
        table=tabulated("rasch", "Prediction", "Rasch difficulty of each item"),
    params:
        options={},


use rule tabulate as correlate_rasch with:
    input:
        table("rasch"),
    output:
        table=tabulated("rasch_difficulty", "Prediction", "Rasch and human difficulty"),
