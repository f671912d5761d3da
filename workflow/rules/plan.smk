"""What the study will cost, asked for by name: `snakemake plan`."""


rule plan:
    """Print what the study will cost, from its items, journal and a calibration of each model.

    There is no output: nothing depends on it, and asked again it looks again.
    """
    input:
        study_items=results("items.parquet"),
        # A model that a rule trains is planned as far as it is there: this must not set that off.
        records=[
            results("models", f"{model.name}.json")
            for model in RUN
            if model.derive is None and not (model.path or "").startswith(RETRAINED)
        ],
    log:
        log_of("plan.log"),
    # No benchmark: its file would count as an output, and a plan be made once and for all.
    conda:
        "../../envs/inference.yaml"
    threads: max((model.inference.threads for model in RUN), default=1)
    params:
        study=STUDY.study,
        models={
            model.name: {
                "record": results("models", f"{model.name}.json"),
                "parent": None if model.derive is None else model.derive.parent,
                "settings": model.inference.model_dump(exclude={"shards"}),
                "journal": results("journal", model.name),
            }
            for model in RUN
        },
        conditions=STUDY.conditions.model_dump(),
        seed=STUDY.seed,
        plan=results("plan.csv"),
        judge=None if JUDGE is None else JUDGE.name,
    script:
        "../scripts/plan.py"
