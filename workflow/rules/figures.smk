"""Figures: one rule a figure, each as SVG and PNG in the study's one style.

A figure is named like the module of `thinkscale/figures` that draws it; `drawn` says where the
report shows it. Required inputs: the tables and contracts a figure shows, which reach the module
under the names of their files. Outputs: figures/<name>.svg and .png.
"""


rule draw:
    """What the rules of all figures share; by itself it draws none."""
    output:
        **figure("{name,(?!)}"),
    log:
        log_of("draw", "{name}.log"),
    benchmark:
        time_of("draw", "{name}.tsv")
    group:
        "draw"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=figure_memory,
        runtime=figure_minutes,
    params:
        style=STUDY.figures.model_dump(),
        models=MODELS,
        confidence=STUDY.analyses.confidence,
        code=figure_code,
    script:
        "../scripts/draw.py"


use rule draw as draw_difficulty with:
    input:
        results("items.parquet"),
    output:
        **drawn("difficulty_histogram", "Items", "difficulty of the items"),


use rule draw as draw_registration with:
    input:
        results("graded.parquet"),
        table("registration"),
    output:
        **drawn("tokens_vs_difficulty", "Registration", "thinking tokens and difficulty"),


use rule draw as draw_response_times with:
    input:
        results("graded.parquet"),
        table("registration"),
    output:
        **drawn(
            "tokens_vs_response_time",
            "Registration",
            "thinking tokens and response time",
            when=TIMED,
        ),


use rule draw as draw_correlations with:
    input:
        table("registration"),
    output:
        **drawn("correlations", "Registration", "all correlations of thinking tokens"),


use rule draw as draw_outcomes with:
    input:
        results("graded.parquet"),
        table("outcome_difficulty"),
    output:
        **drawn("difficulty_by_outcome", "Registration", "difficulty by outcome"),


use rule draw as draw_icc with:
    input:
        table("reliability"),
    output:
        **drawn("reliability", "Registration", "reliability of thinking tokens"),


use rule draw as draw_tokens_by_outcome with:
    input:
        results("graded.parquet"),
    output:
        **drawn("tokens_by_outcome", "Registration", "tokens within items, by outcome"),


use rule draw as draw_allocation with:
    input:
        table("allocation"),
    output:
        **drawn("allocation", "Allocation", "right against other answers within items"),


use rule draw as draw_chain with:
    input:
        [results(f"{name}.parquet") for name in ("chains", "responses", "graded", "items")],
        record=chain_record(),
    output:
        **drawn("one_chain", "Sweeps", "one chain and its forks", when=RUN),


use rule draw as draw_budgets with:
    input:
        results("items.parquet"),
        table("accuracy"),
    output:
        **drawn(
            "accuracy_vs_budget",
            "Sweeps",
            "accuracy and maximum budget",
            when=CUT or STUDY.conditions.no_think,
        ),


use rule draw as draw_waits with:
    input:
        table("accuracy"),
    output:
        **drawn("accuracy_vs_waits", "Sweeps", "accuracy and waits", when=STUDY.conditions.waits),


use rule draw as draw_flips with:
    input:
        table("mcnemar"),
    output:
        **drawn("flips", "Sweeps", "answers that flip", when=FORCED),


use rule draw as draw_items with:
    input:
        results("graded.parquet"),
    output:
        **drawn("accuracy_by_item", "Sweeps", "items right under each condition"),


use rule draw as draw_lengths with:
    input:
        results("graded.parquet"),
    output:
        **drawn("thinking_lengths", "Sweeps", "thinking lengths"),


use rule draw as draw_token_change with:
    input:
        results("graded.parquet"),
        table("token_change"),
    output:
        **drawn("token_change", "Sweeps", "change of thinking tokens", when=FORCED),


use rule draw as draw_frontier with:
    input:
        table("frontier"),
        table("accuracy"),
    output:
        **drawn("frontier", "Compute", "accuracy and cost"),


use rule draw as draw_votes with:
    input:
        table("consensus"),
    output:
        **drawn("consensus", "Samples", "votes and pass@k"),


use rule draw as draw_power with:
    input:
        table("power"),
    output:
        **drawn("power", "Power", "effects that are detected"),


use rule draw as draw_prediction with:
    input:
        table("predicted_difficulty"),
        table("prediction"),
    output:
        **drawn(
            "predicted_difficulty",
            "Prediction",
            "predicted and human difficulty",
            when=table("predicted_difficulty") in TABLES,
        ),


use rule draw as draw_token_scatter with:
    input:
        table("divergence_tokens"),
        table("divergence"),
    output:
        **drawn("token_scatter", "Corpus and items", "token frequencies", when=CORPORA),


use rule draw as draw_token_contributions with:
    input:
        table("divergence_tokens"),
        table("divergence"),
    output:
        **drawn("token_contributions", "Corpus and items", "tokens that differ most", when=CORPORA),


use rule draw as draw_overlap with:
    input:
        table("overlap"),
        table("overlap_summary"),
    output:
        **drawn("item_overlap", "Corpus and items", "items that occur in a corpus", when=CORPORA),


use rule draw as draw_training with:
    input:
        table("training_loss"),
    output:
        **drawn("training_loss", "Training", "training loss", when=LEARNED),


use rule draw as draw_rewards with:
    input:
        table("training_rewards"),
    output:
        **drawn("training_rewards", "Training", "rewards", when=REINFORCED),


use rule draw as draw_graders with:
    input:
        table("grader_agreement"),
    output:
        **drawn("grader_agreement", "Grading", "graders compared", when=SEVERAL_GRADERS),


use rule draw as draw_readouts with:
    input:
        table("readout"),
    output:
        **drawn("readout_vs_budget", "Readout", "accuracy read and sampled", when=READOUT),


use rule draw as draw_key_probability with:
    input:
        table("readout"),
    output:
        **drawn("readout_vs_tokens", "Readout", "the key and thinking tokens", when=READOUT),


use rule draw as draw_reliability with:
    input:
        table("readout_bins"),
        table("readout_calibration"),
    output:
        **drawn("readout_reliability", "Readout", "reliability", when=READOUT),


use rule draw as draw_entropy with:
    input:
        table("readout"),
        table("readout_difficulty"),
    output:
        **drawn("readout_entropy", "Readout", "entropy and difficulty", when=READOUT),


use rule draw as draw_training_cost with:
    input:
        table("training_cost"),
    output:
        **drawn("training_cost", "Training", "accuracy and cost of training", when=TRAINED),


use rule draw as draw_training_effects with:
    input:
        table("training_cost"),
        table("accuracy"),
        table("mcnemar"),
        table("registration"),
    output:
        **drawn("training_effects", "Training", "models and their parents", when=TRAINED),


use rule draw as draw_rounds with:
    input:
        table("training_cost"),
        table("accuracy"),
    output:
        **drawn("training_rounds", "Training", "round by round", when=TRAINED),


use rule draw as draw_training_vs_thinking with:
    input:
        table("training_cost"),
        table("frontier"),
    output:
        **drawn("training_vs_thinking", "Training", "training against thinking", when=TRAINED),


use rule draw as draw_language_mixing with:
    input:
        table("language_mixing"),
    output:
        **drawn("language_mixing", "Languages", "languages mixed", when=STUDY.analyses.languages),


use rule draw as draw_strategies with:
    input:
        table("strategies"),
    output:
        **drawn(
            "strategies_vs_compute",
            "Strategies",
            "accuracy against compute",
            when=STUDY.strategies,
        ),


use rule draw as draw_scorers with:
    input:
        table("scorer_quality"),
    output:
        **drawn("scorer_quality", "Strategies", "quality of the scorers", when=STUDY.scorers),


use rule draw as draw_search with:
    input:
        [results(f"{name}.parquet") for name in ("nodes", "ballots", "searches")],
    output:
        **drawn("search_tree", "Strategies", "a search", when=TREES),
