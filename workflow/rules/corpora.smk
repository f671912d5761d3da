"""Corpora: those that models write, and how far they are from the items.

How far tokens diverge, and which items occur in a corpus. Required inputs: items.parquet, the
corpora, the models' records. Outputs: corpora/*.jsonl, tables/generated.csv, divergence.csv,
divergence_tokens.csv, overlap.csv, overlap_summary.csv.
"""


rule generate_corpus:
    """Have a model of the study think traces, and keep some; the log says why not the others."""
    input:
        record=generating_record,
        bank=generating_bank,
        asked=ancient(earlier_corpora),
        # As in training: a faulty bank should cost nobody an hour.
        study_items=ancient(results("items.parquet")),
    output:
        corpus=results("corpora", "{corpus}.jsonl"),
        log=results("corpora", "{corpus}.csv"),
        usage=results("corpora", "{corpus}.usage.json"),
    log:
        log_of("generate_corpus", "{corpus}.log"),
    benchmark:
        time_of("generate_corpus", "{corpus}.tsv")
    wildcard_constraints:
        corpus=one_of(GENERATED),
    priority: 50
    conda:
        "../../envs/training.yaml"
    threads: generating_threads
    resources:
        mem_mb=generating_memory,
        runtime=model_minutes,
        gpu=generating_gpus,
    params:
        generate=generated_settings,
        inference=generating_inference,
        forced=forced_continuations(),
        grader=first_grader(),
        # Not an output, as in `think`: a killed job goes on from it.
        journal=generating_journal,
        seed=STUDY.seed,
        code=code(
            *("jobs/generating", "jobs/training_items", "jobs/inference", "data/graded"),
            *("thinking", "engines", "calibration/bank", "grading"),
        ),
    script:
        "../scripts/generate_corpus.py"


rule compare_tokens:
    """Divergence of each corpus from the items, over each tokenizer of the study."""
    input:
        study_items=results("items.parquet"),
        corpora=[corpus_file(name) for name in CORPORA],
        records=[results("models", f"{name}.json") for name in TOKENIZED],
        tokenizers=tokenizer_paths(),
    output:
        divergence=shown_table("divergence", "Corpus and items", "divergence", when=CORPORA),
        tokens=shown_table(
            "divergence_tokens", "Corpus and items", "tokens that differ most", when=CORPORA
        ),
    log:
        log_of("compare_tokens.log"),
    benchmark:
        time_of("compare_tokens.tsv")
    # A corpus at fault is found before models have thought.
    priority: 45
    group:
        "compare"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        corpora=read_corpora(),
        prompts=tokenizer_prompts(),
        divergence=STUDY.analyses.divergence.model_dump(),
        confidence=STUDY.analyses.confidence,
        seed=STUDY.seed,
        code=code("corpora", "data", "items", "stats", "jobs/token_comparison", "thinking/prompts"),
    script:
        "../scripts/compare_tokens.py"


rule measure_overlap:
    """The share of each item's n-grams of tokens that occur in each corpus."""
    input:
        study_items=results("items.parquet"),
        corpora=[corpus_file(name) for name in CORPORA],
        records=[results("models", f"{name}.json") for name in TOKENIZED],
        tokenizers=tokenizer_paths(),
    output:
        overlap=shown_table("overlap", "Corpus and items", "overlap of each item", when=CORPORA),
        summary=shown_table(
            "overlap_summary", "Corpus and items", "overlap of items and corpora", when=CORPORA
        ),
    log:
        log_of("measure_overlap.log"),
    benchmark:
        time_of("measure_overlap.tsv")
    # A corpus at fault is found before models have thought.
    priority: 45
    group:
        "compare"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        corpora=read_corpora(),
        prompts=tokenizer_prompts(),
        settings=STUDY.analyses.contamination.model_dump(include={"n", "items_text"}),
        tokenizer=STUDY.analyses.contamination.tokenizer,
        tokenizers=[other.model_dump() for other in STUDY.analyses.divergence.tokenizers],
        confidence=STUDY.analyses.confidence,
        code=code("corpora", "data", "items", "stats", "jobs/token_comparison", "thinking/prompts"),
    script:
        "../scripts/measure_overlap.py"
