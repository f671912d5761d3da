"""What the study will cost, asked for by name: `snakemake plan`."""


rule plan:
    """Print what the study will cost, from its items, journal and a calibration of each model.

    There is no output: nothing depends on it, and asked again it looks again.
    """
    input:
        study_items=results("items.parquet"),
        records=registrable([*RUN, *SCORER_MODELS.values()]),
    log:
        log_of("plan.log"),
    # No benchmark: its file would count as an output, and a plan be made once and for all.
    conda:
        "../../envs/inference.yaml"
    threads: max((model.inference.threads for model in RUN), default=1)
    resources:
        mem_mb=plan_memory,
        runtime=table_minutes,
        gpu=plan_gpus,
    params:
        study=STUDY.study,
        models={
            model.name: planned(model)
            for model in [*STUDY.models, *SCORER_MODELS.values()]
            if model.name not in RECORDED
        },
        thinking={
            model.name: {
                "settings": model.inference.model_dump(exclude={"shards"}),
                "journal": results("journal", model.name),
            }
            for model in RUN
        },
        conditions=STUDY.conditions.model_dump(),
        forced=forced_continuations(),
        corpora={name: corpus_config(name).generate.model_dump() for name in GENERATED},
        strategies=[strategy.model_dump() for strategy in STUDY.strategies],
        scorers=[scorer.model_dump(exclude={"model"}) for scorer in STUDY.scorers],
        scorer_models={
            name: [model.name, scorer_records()[name][1]] for name, model in SCORER_MODELS.items()
        },
        seed=STUDY.seed,
        plan=results("plan.csv"),
        training=results("plan_training.csv"),
        trained={model.name: model.derive.model_dump() for model in TRAINED},
        explored={name: model_config(name).derive.model_dump() for name in REWARDED},
        judge=None if JUDGE is None else JUDGE.name,
    script:
        "../scripts/plan.py"
