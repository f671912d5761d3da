"""Tables: one rule an analysis, nearly all from the graded responses.

Required inputs: responses.parquet, grades.parquet, items.parquet, and for the ledger what each
inference job used. Outputs: tables/*.csv, tidy, each row with its n, estimate, interval and method.
"""


rule measure_accuracy:
    """Accuracy and thinking tokens per condition, intervals clustered by item."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("accuracy"),
            caption="../report/table.rst",
            category="Sweeps",
            labels={"result": "table: accuracy"},
        ),
    log:
        log_of("measure_accuracy.log"),
    benchmark:
        time_of("measure_accuracy.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="accuracy",
        options=analyses("confidence"),
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule correlate_difficulty:
    """Registration: does thinking length rise with human difficulty?"""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("registration"),
            caption="../report/table.rst",
            category="Registration",
            labels={"result": "table: registration"},
        ),
    log:
        log_of("correlate_difficulty.log"),
    benchmark:
        time_of("correlate_difficulty.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="registration",
        options=resampling("confidence", "n_boot", "n_permutations"),
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule compare_outcomes:
    """Difficulty of items answered right and wrong."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("outcome_difficulty"),
            caption="../report/table.rst",
            category="Registration",
            labels={"result": "table: difficulty by outcome"},
        ),
    log:
        log_of("compare_outcomes.log"),
    benchmark:
        time_of("compare_outcomes.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="outcome_difficulty",
        options=resampling("confidence", "n_boot", "n_permutations"),
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule test_flips:
    """Exact McNemar test of each condition against natural."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("mcnemar"),
            caption="../report/table.rst",
            category="Sweeps",
            labels={"result": "table: flips against natural"},
        ),
    log:
        log_of("test_flips.log"),
    benchmark:
        time_of("test_flips.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="mcnemar",
        options=resampling("confidence", "n_permutations"),
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule measure_token_change:
    """Paired change of thinking tokens against natural."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("token_change"),
            caption="../report/table.rst",
            category="Sweeps",
            labels={"result": "table: change of thinking tokens"},
        ),
    log:
        log_of("measure_token_change.log"),
    benchmark:
        time_of("measure_token_change.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="token_change",
        options=analyses("confidence"),
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule compare_models:
    """Pairs of models on the same items."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("model_comparison"),
            caption="../report/table.rst",
            category="Models",
            labels={"result": "table: pairs of models"},
        ),
    log:
        log_of("compare_models.log"),
    benchmark:
        time_of("compare_models.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="model_comparison",
        options={
            **resampling("confidence", "n_boot", "n_permutations"),
            "pairs": compared_pairs(),
        },
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule vote:
    """Plurality votes over samples (cons@k), and pass@k."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("consensus"),
            caption="../report/table.rst",
            category="Samples",
            labels={"result": "table: votes and pass@k"},
        ),
    log:
        log_of("vote.log"),
    benchmark:
        time_of("vote.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        analysis="consensus",
        options={**resampling("confidence"), "ks": STUDY.analyses.consensus_k},
        grader=STUDY.grading.graders[0],
        exclusion=exclusion(),
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/tabulate.py"


rule sum_ledger:
    """Sums of the token ledger per model and condition, and what the engine took."""
    input:
        responses=results("responses.parquet"),
        usage=shards("usage", "json"),
    output:
        table=report(
            table("ledger"),
            caption="../report/ledger.rst",
            category="Compute",
            labels={"result": "table: token ledger"},
        ),
    log:
        log_of("sum_ledger.log"),
    benchmark:
        time_of("sum_ledger.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
        code=code("stats", "data/graded"),
    script:
        "../scripts/sum_ledger.py"


rule gather_losses:
    """Training losses of every derived model in one table."""
    input:
        losses=[results("training", f"{name}.csv") for name in DERIVED],
    output:
        table=report(
            table("training_loss"),
            caption="../report/table.rst",
            category="Training",
            labels={"result": "table: training loss"},
        ),
    log:
        log_of("gather_losses.log"),
    benchmark:
        time_of("gather_losses.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        models=DERIVED,
    script:
        "../scripts/gather_losses.py"
