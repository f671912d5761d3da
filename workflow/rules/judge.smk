"""Judging answers by a model: asked for by the grader `judge`."""


rule judge:
    """Ask the judge about every response to a shard of the items, the same text once."""
    input:
        study_items=results("items.parquet"),
        responses=results("responses.parquet"),
        record=judge_record,
        records=[results("models", f"{name}.json") for name in MODELS],
    output:
        verdicts=results("judge", "{shard}.verdicts.parquet"),
        usage=results("judge", "{shard}.usage.json"),
    log:
        log_of("judge", "{shard}.log"),
    benchmark:
        time_of("judge", "{shard}.tsv")
    conda:
        "../../envs/inference.yaml"
    threads: judge_threads
    resources:
        mem_mb=judge_memory,
        runtime=model_minutes,
        gpu=judge_gpus,
    params:
        judge=judge_settings,
        inference=judge_inference,
        shards=judge_shard_count,
        prompts=model_prompts(),
        # Not an output, as in `think`.
        journal=judge_journal,
        seed=STUDY.seed,
        code=code("thinking", "engines", "jobs/inference", "jobs/judging"),
    script:
        "../scripts/judge.py"


rule gather_verdicts:
    """Put the judge's shards together."""
    input:
        verdicts=judge_shards(),
    output:
        verdicts=results("verdicts.parquet"),
    log:
        log_of("gather_verdicts.log"),
    benchmark:
        time_of("gather_verdicts.tsv")
    group:
        "grade"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    script:
        "../scripts/gather.py"
