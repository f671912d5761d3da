"""Search and selection: every strategy of the study, about every item."""


rule search:
    """Run all strategies about a shard of the items; samples are those of `think`, recalled."""
    input:
        study_items=results("items.parquet"),
        record=results("models", "{model}.json"),
        scorers=[results("models", f"{model.name}.json") for model in SCORER_MODELS.values()],
        # What it has sampled is in the journal by then.
        thought=results("inference", "{model}", "{shard}.responses.parquet"),
    output:
        candidates=results("search", "{model}", "{shard}.candidates.parquet"),
        scores=results("search", "{model}", "{shard}.scores.parquet"),
        spent=results("search", "{model}", "{shard}.spent.parquet"),
        nodes=results("search", "{model}", "{shard}.nodes.parquet"),
    log:
        log_of("search", "{model}", "{shard}.log"),
    benchmark:
        time_of("search", "{model}", "{shard}.tsv")
    wildcard_constraints:
        model=one_of(model.name for model in RUN),
    priority: 35
    conda:
        "../../envs/inference.yaml"
    threads: inference_threads
    resources:
        mem_mb=search_memory,
        runtime=model_minutes,
        gpu=model_gpus,
    params:
        inference=inference_settings,
        shards=shard_count,
        journal=journal_directory,
        conditions=STUDY.conditions.model_dump(),
        strategies=[strategy.model_dump() for strategy in STUDY.strategies],
        scorers=[scorer.model_dump(exclude={"model"}) for scorer in STUDY.scorers],
        scorer_models=scorer_records(),
        seed=STUDY.seed,
        code=code(
            *("thinking", "engines", "calibration"),
            *("jobs/inference", "jobs/judging", "jobs/plan"),
            *("jobs/scoring", "jobs/searching"),
        ),
    script:
        "../scripts/search.py"


rule gather_searches:
    """Put the shards of all models together; in no group, as `gather_responses`."""
    input:
        candidates=shards("candidates", room="search"),
        scores=shards("scores", room="search"),
        spent=shards("spent", room="search"),
        nodes=shards("nodes", room="search"),
    output:
        candidates=results("candidates.parquet"),
        scores=results("scores.parquet"),
        spent=results("spent.parquet"),
        nodes=results("nodes.parquet"),
    log:
        log_of("gather_searches.log"),
    benchmark:
        time_of("gather_searches.tsv")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    script:
        "../scripts/gather.py"


rule choose:
    """Grade the candidates' answers and let every strategy choose: one row an item and size."""
    input:
        candidates=results("candidates.parquet"),
        scores=results("scores.parquet"),
        spent=results("spent.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        searches=results("searches.parquet"),
        ballots=results("ballots.parquet"),
    log:
        log_of("choose.log"),
    benchmark:
        time_of("choose.tsv")
    group:
        "grade"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        strategies=[strategy.model_dump() for strategy in STUDY.strategies],
        grading=grading_settings(),
        answer_prompts=answer_prompts(),
        exclusion=exclusion(),
        seed=STUDY.seed,
        code=code("grading", "data", "stats/selection", "jobs/choosing"),
    script:
        "../scripts/choose.py"
