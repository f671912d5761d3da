"""What a reader opens: a summary in words, where everything came from, and the report."""


rule summarize:
    """Sentences, each made from the tables."""
    input:
        tables=TABLES,
    output:
        summary=results("summary.md"),
        page=report(
            results("summary.html"),
            caption="../report/summary.rst",
            category="Summary",
            labels={"result": "the study in words"},
        ),
        tables=report(
            results("tables.html"),
            caption="../report/table.rst",
            category="Summary",
            labels={"result": "all tables"},
        ),
    log:
        log_of("summarize.log"),
    benchmark:
        time_of("summarize.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        study=STUDY.study,
        confidence=STUDY.analyses.confidence,
        code=code("report"),
    script:
        "../scripts/summarize.py"


rule record_provenance:
    """Versions, commit, configuration, content hashes and hardware behind the results."""
    input:
        study_items=results("items.parquet"),
        corpora=[corpus_file(name) for name in CORPORA],
        records=[results("models", f"{name}.json") for name in REGISTERED],
        responses=results("responses.parquet"),
    output:
        provenance=results("provenance.json"),
        config=results("config.yaml"),
    log:
        log_of("record_provenance.log"),
    benchmark:
        time_of("record_provenance.tsv")
    conda:
        "../../envs/inference.yaml"
    params:
        study=STUDY.model_dump(mode="json"),
        config=config,
        code=code("report/provenance"),
    script:
        "../scripts/record_provenance.py"


rule render_report:
    """One self-contained page with every figure, table and caption."""
    input:
        TABLES,
        FIGURES,
        results("summary.md"),
        results("provenance.json"),
        config=results("config.yaml"),
        captions=sorted(str(path) for path in (LIBRARY.parent / "report").iterdir()),
    output:
        html=results("report.html"),
    log:
        log_of("render_report.log"),
    benchmark:
        time_of("render_report.tsv")
    conda:
        "../../envs/report.yaml"
    params:
        snakefile=workflow.main_snakefile,
        python=sys.executable,
    shell:
        # The report reads what Snakemake recorded of finished jobs, so the Snakemake that runs
        # makes it. The outer run holds the lock and this one writes no results, hence --nolock.
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q}"
        " --configfile {input.config:q}"
        " --workflow-profile none --cores 1 --nolock --report {output.html:q}"
        " -- reported > {log:q} 2>&1"


rule reported:
    """What the report shows."""
    input:
        TABLES,
        FIGURES,
        results("summary.md"),


rule inspect_logs:
    """The responses as logs of inspect_ai, asked for by name: a log a model and condition."""
    input:
        study_items=results("items.parquet"),
        responses=results("responses.parquet"),
        chains=results("chains.parquet"),
        grades=results("grades.parquet"),
        records=[results("models", f"{model.name}.json") for model in RUN],
    output:
        logs=directory(results("inspect_logs")),
    log:
        log_of("inspect_logs.log"),
    benchmark:
        time_of("inspect_logs.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        study=STUDY.study,
        answer_prompts=answer_prompts(),
        form=STUDY.inference.prompt.model_dump(include={"template", "option", "separator"}),
        code=code("runs/inspect_logs", "data"),
    script:
        "../scripts/write_inspect_logs.py"
