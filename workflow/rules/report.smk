"""What a reader opens: the report, a summary in words, and where everything came from."""


rule summarize:
    """Answers to the study's questions, each made from the tables, and what else these say."""
    input:
        tables=TABLES,
    output:
        summary=results("summary.md"),
        answers=results("report", "answers.rst"),
        front=results("report", "front.yaml"),
    log:
        log_of("summarize.log"),
    benchmark:
        time_of("summarize.tsv")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=figure_memory,
        runtime=figure_minutes,
    params:
        study=STUDY.study,
        models=MODELS,
        confidence=STUDY.analyses.confidence,
        counting=recounted(STUDY.model_dump(mode="json")),
        code=code("report"),
    script:
        "../scripts/summarize.py"


rule write_report:
    """One self-contained page: answers, figures, tables and methods.

    Snakemake's report names it and does not hold it: browsers show no page of more than 2 MB there.
    """
    input:
        tables=TABLES,
        figures=FIGURES,
        summary=results("summary.md"),
        provenance=results("provenance.json"),
        captions=CAPTIONS,
    output:
        page=results("report.html"),
        methods=results("methods.md"),
        references=results("references.bib"),
        crate=results("ro-crate-metadata.json"),
    log:
        log_of("write_report.log"),
    benchmark:
        time_of("write_report.tsv")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=figure_memory,
        runtime=figure_minutes,
    params:
        study=STUDY.model_dump(mode="json"),
        shown=in_order(SHOWN),
        code=code("report"),
    script:
        "../scripts/write_report.py"


rule record_environment:
    """What is installed in a conda environment, found from inside it."""
    output:
        environment=results("environments", "{environment}.json"),
    log:
        log_of("record_environment", "{environment}.log"),
    benchmark:
        time_of("record_environment", "{environment}.tsv")
    conda:
        "../../envs/{environment}.yaml"
    params:
        code=code("report/provenance"),
    script:
        "../scripts/record_environment.py"


rule record_provenance:
    """Versions, commit, configuration, content hashes and hardware behind the results."""
    input:
        study_items=results("items.parquet"),
        corpora=[corpus_file(name) for name in CORPORA],
        records=[results("models", f"{name}.json") for name in REGISTERED],
        responses=results("responses.parquet"),
        environments=[results("environments", f"{name}.json") for name in environments()],
    output:
        provenance=results("provenance.json"),
        config=results("config.yaml"),
    log:
        log_of("record_provenance.log"),
    benchmark:
        time_of("record_provenance.tsv")
    group:
        "grade"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=figure_memory,
        runtime=figure_minutes,
    params:
        study=STUDY.model_dump(mode="json"),
        config=config,
        snakemake=snakemake_version,
        commit=COMMIT,
        code=code("report/provenance"),
    script:
        "../scripts/record_provenance.py"


rule render_report:
    """Snakemake's own report: results beside the rules, runs and code that made them."""
    input:
        TABLES,
        FIGURES,
        answers=results("report", "answers.rst"),
        front=results("report", "front.yaml"),
        config=results("config.yaml"),
        captions=CAPTIONS,
    output:
        html=results("workflow.html"),
    log:
        log_of("render_report.log"),
    # It hands over to a second Snakemake, the same one, so it needs no environment.
    handover: True
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        snakefile=str(WORKFLOW / "Snakefile"),  # also where this is a module of another
        python=sys.executable,
    shell:
        # The report reads what Snakemake recorded of finished jobs, so the Snakemake that runs
        # makes it, without a benchmark, since of a handover it takes none. The outer run holds the
        # lock and this one writes no results, hence --nolock.
        # With metadata its front shows them and the text of workflow.rst, and no rule graph.
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q}"
        " --configfile {input.config:q}"
        " --workflow-profile none --cores 1 --nolock --report {output.html:q}"
        " --report-metadata {input.front:q}"
        " -- reported > {log:q} 2>&1"


rule reported:
    """What Snakemake's report shows."""
    input:
        TABLES,
        FIGURES,


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
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        study=STUDY.study,
        answer_prompts=answer_prompts(),
        form=STUDY.inference.prompt.model_dump(include={"template", "option", "separator"}),
        code=code("runs/inspect_logs", "data"),
    script:
        "../scripts/write_inspect_logs.py"
