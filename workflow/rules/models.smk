"""Models: found on disk, fetched from a hub, derived from one another, or trained from nothing."""


rule derive_model:
    """Fine-tune a parent model on a corpus of traces, or distil a teacher on its questions.

    Merged weights, safetensors.
    """
    input:
        parent=parent_record,
        teacher=teacher_record,
        corpus=parent_corpus,
        held_out=held_out_bank,
    output:
        model=directory(results("models", "{model}")),
        losses=results("training", "{model}.csv"),
    log:
        log_of("derive_model", "{model}.log"),
    wildcard_constraints:
        model=one_of(name for name in LEARNED if name not in REWARDED),
    # A derived model must still think after this: whoever waits longest starts first.
    priority: 50
    conda:
        "../../envs/training.yaml"
    threads: derivation_threads
    resources:
        mem_mb=training_memory,
        runtime=model_minutes,
        gpu=model_gpus,
    params:
        name="{model}",
        derive=derivation_settings,
        corpus=corpus_settings,
        thinking=thinking_settings,
        watching=watching_settings,
        seed=STUDY.seed,
        # Not an output, like the journal: from there a training that was killed goes on.
        checkpoints=seen_from(results("models"), checkpoint_directory),
        code=code(
            "models/recipes",
            "models/vocabulary",
            "jobs/watching",
            "jobs/training_items",
            "engines/transformers",
            "thinking",
            "corpora/traces",
            "corpora/source",
            "items/json_text",
            "items/files",
            "items/records",
        ),
    script:
        "../scripts/derive_model.py"


rule derive_reward_model:
    """Learn from a model's own thoughts, thought on from each step, what a beginning is worth."""
    input:
        parent=parent_record,
        bank=reward_bank,
        explored=ancient(earlier_rewards),
    output:
        model=directory(results("models", "{model}")),
        losses=results("training", "{model}.csv"),
    log:
        log_of("derive_model", "{model}.log"),
    wildcard_constraints:
        model=one_of(REWARDED),
    priority: 50
    conda:
        "../../envs/training.yaml"
    threads: derivation_threads
    resources:
        mem_mb=training_memory,
        runtime=model_minutes,
        gpu=model_gpus,
    params:
        name="{model}",
        derive=reward_settings,
        inference=parent_inference,
        conditions=STUDY.conditions.model_dump(),
        grader=first_grader(),
        # Not an output, as in `think`: what was explored is not explored again.
        journal=seen_from(results("models"), parent_journal),
        seed=STUDY.seed,
        code=code(
            *(
                "models/recipes/reward_model",
                "models/recipes/settings",
                "jobs/rewarding",
                "jobs/training_items",
                "jobs/inference",
            ),
            *("thinking", "engines", "calibration/bank", "grading"),
        ),
    script:
        "../scripts/derive_reward_model.py"


rule derive_grpo:
    """Reinforce what a model does well by itself: completions of its own, rewarded."""
    input:
        parent=parent_record,
        banks=reinforcing_banks,
        study_items=ancient(results("items.parquet")),
    output:
        model=directory(results("models", "{model}")),
        log=results("training", "{model}.csv"),
        samples=results("training", "{model}.samples.jsonl"),
    log:
        log_of("derive_model", "{model}.log"),
    benchmark:
        time_of("derive_model", "{model}.tsv")
    wildcard_constraints:
        model=one_of(REINFORCED),
    priority: 50
    conda:
        "../../envs/training.yaml"
    threads: derivation_threads
    resources:
        mem_mb=training_memory,
        runtime=model_minutes,
        gpu=model_gpus,
    params:
        derive=reinforcing_settings,
        inference=reinforcing_inference,
        forced=forced_continuations(),
        grader=first_grader(),
        journal=parent_journal,
        checkpoints=checkpoint_directory,
        seed=STUDY.seed,
        code=code(
            *("models/recipes/grpo", "models/recipes/rewards", "models/recipes/held_out"),
            *(
                "models/recipes/settings",
                "models/recipes/training",
                "jobs/reinforcing",
                "jobs/watching",
                "jobs/inference",
            ),
            "jobs/training_items",
            *("thinking", "engines", "calibration/bank", "grading", "data/languages"),
        ),
    script:
        "../scripts/derive_grpo.py"


rule register_model:
    """Resolve a model to a directory and fingerprint its weights and tokenizer."""
    input:
        files=model_files,
    output:
        record=results("models", "{model}.json"),
    log:
        log_of("register_model", "{model}.log"),
    benchmark:
        time_of("register_model", "{model}.tsv")
    wildcard_constraints:
        model=one_of(name for name in REGISTERED if name not in RECORDED),
    priority: 50
    conda:
        "../../envs/inference.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        model=model_settings,
        fingerprint=expected_fingerprint,
        weights=weights_needed,
        offline=works_offline,
        trust_remote_code=remote_code_trusted,
        code=code(
            "models/registry", "models/loading", "engines/transformers/directory", "data/digest"
        ),
    script:
        "../scripts/register_model.py"


rule export_gguf:
    """Write a model as GGUF for llama.cpp, and a Modelfile that has Ollama ask as the study does."""
    input:
        record=results("models", "{model}.json"),
    output:
        gguf=results("gguf", "{model}", "model.gguf"),
        modelfile=results("gguf", "{model}", "Modelfile"),
    log:
        log_of("export_gguf", "{model}.log"),
    benchmark:
        time_of("export_gguf", "{model}.tsv")
    wildcard_constraints:
        model=one_of(EXPORTED),
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=model_memory,
        runtime=table_minutes,
    params:
        export=export_settings,
        inference=inference_settings,
        code=code("models/recipes/export", "thinking/prompts"),
    script:
        "../scripts/export_gguf.py"


rule train_calibration_model:
    """Train a calibration model from nothing; not part of a study unless a model's path names it."""
    output:
        model=directory("results/calibration-models/{recipe}"),
    log:
        "results/calibration-models/logs/{recipe}.log",
    benchmark:
        "results/calibration-models/benchmarks/{recipe}.tsv"
    wildcard_constraints:
        recipe="reasoner|base",
    conda:
        "../../envs/inference.yaml"
    threads: 1  # with more, sums are taken in another order and the weights differ
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        code=code("calibration", "models/recipes/traces"),
    script:
        "../scripts/train_calibration_model.py"


rule measure_calibration_models:
    """Write the calibration models' manifest from a study of them; see its configuration."""
    input:
        graded=results("graded.parquet"),
        study_items=results("items.parquet"),
        manifest="resources/calibration/manifest.json",
    output:
        manifest=results("manifest.json"),
    log:
        log_of("measure_calibration_models.log"),
    benchmark:
        time_of("measure_calibration_models.tsv")
    conda:
        "../../envs/inference.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        study=STUDY.model_dump(mode="json"),
        code=code("calibration", "data", "stats", "jobs/known_effects"),
    script:
        "../scripts/measure_calibration_models.py"
