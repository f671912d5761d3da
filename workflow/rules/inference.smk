"""Thinking: every model, item and sample, under every condition.

`think` and the rules that derive models may be taken from a cache between workflows, `--cache`. What
Snakemake goes by is a rule's parameters and what its inputs came from: so these name no study, and
all that decides an output. A rule that may be cached has no benchmark.
"""


rule think:
    """Think about each item once a sample, and answer under every condition (design: forcing)."""
    input:
        study_items=results("items.parquet"),
        record=results("models", "{model}.json"),
    output:
        **where_read(results("inference", "{model}", "{shard}.readouts.parquet")),
        chains=results("inference", "{model}", "{shard}.chains.parquet"),
        responses=results("inference", "{model}", "{shard}.responses.parquet"),
        usage=results("inference", "{model}", "{shard}.usage.json"),
    log:
        log_of("think", "{model}", "{shard}.log"),
    wildcard_constraints:
        model=one_of(model.name for model in RUN),
    priority: 40
    conda:
        "../../envs/inference.yaml"
    threads: inference_threads
    resources:
        mem_mb=model_memory,
        runtime=model_minutes,
        gpu=model_gpus,
    params:
        inference=inference_settings,
        shard="{shard}",
        shards=shard_count,
        # Not an output: Snakemake would delete it before a job that is to go on from it. As seen
        # from the outputs.
        journal=seen_from(results("inference", "{model}"), journal_directory),
        conditions=STUDY.conditions.model_dump(),
        seed=STUDY.seed,
        code=code("thinking", "engines", "jobs/inference"),
    script:
        "../scripts/think.py"


rule import_responses:
    """Read what a model said elsewhere from its logs, and what strategies choose among."""
    input:
        logs=log_files,
        study_items=results("items.parquet"),
    output:
        **where_read(results("inference", "{model}", "0.readouts.parquet")),
        chains=results("inference", "{model}", "0.chains.parquet"),
        responses=results("inference", "{model}", "0.responses.parquet"),
        grades=results("inference", "{model}", "0.grades.parquet"),
        usage=results("inference", "{model}", "0.usage.json"),
        record=results("models", "{model}.json"),
        candidates=results("search", "{model}", "0.candidates.parquet"),
        scores=results("search", "{model}", "0.scores.parquet"),
        nodes=results("search", "{model}", "0.nodes.parquet"),
        spent=results("search", "{model}", "0.spent.parquet"),
    log:
        log_of("import_responses", "{model}.log"),
    benchmark:
        time_of("import_responses", "{model}.tsv")
    wildcard_constraints:
        model=one_of(RECORDED),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        recorded=recorded_settings,
        markers=recorded_markers,
        whole_turn=whole_turn,
        conditions=STUDY.conditions.model_dump(),
        graders=STUDY.grading.graders,
        strategies=[strategy.model_dump() for strategy in STUDY.strategies],
        code=code("runs", "items", "data", "jobs/importing", "thinking/conditions"),
    script:
        "../scripts/import_responses.py"


rule gather_responses:
    """Put the shards of all models together, in the order of the config.

    What waits for shards is in no group: at every job that ends, Snakemake counts anew what all of
    a group wait for, and with thousands of shards that alone would take most of a dry run.
    """
    input:
        **where_read(shards("readouts")),
        chains=shards("chains"),
        responses=shards("responses"),
        usage=shards("usage", "json"),
    output:
        **where_read(results("readouts.parquet")),
        chains=results("chains.parquet"),
        responses=results("responses.parquet"),
        usage=results("usage.json"),
    log:
        log_of("gather_responses.log"),
    benchmark:
        time_of("gather_responses.tsv")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    script:
        "../scripts/gather.py"
