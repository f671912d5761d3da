"""From a bank, or the generator of one, to the items of the study."""


rule subset_items:
    """Read, clean and subset the bank; the report has every change, the table counts them."""
    input:
        bank=bank_file(),
    output:
        study_items=results("items.parquet"),
        report=results("items_report.csv"),
        facts=shown_table("items", "Items", "the bank and what was left out", caption="items"),
    log:
        log_of("subset_items.log"),
    benchmark:
        time_of("subset_items.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=STUDY.items.model_dump(),
        seed=STUDY.seed,
        code=code("items", "calibration/bank", "jobs/items"),
    script:
        "../scripts/subset_items.py"


rule write_corpus:
    """Generate traces of the calibration task to fine-tune on."""
    output:
        corpus=results("corpora", "{corpus}.jsonl"),
    log:
        log_of("write_corpus", "{corpus}.log"),
    benchmark:
        time_of("write_corpus", "{corpus}.tsv")
    wildcard_constraints:
        corpus=one_of(name for name in CORPORA if name not in GENERATED),
    conda:
        "../../envs/analysis.yaml"
    params:
        n=lambda wildcards: corpus_config(wildcards.corpus).n,
        han=lambda wildcards: corpus_config(wildcards.corpus).han,
        seed=STUDY.seed,
        code=code("calibration/corpus", "calibration/traces", "calibration/bank"),
    script:
        "../scripts/write_corpus.py"
