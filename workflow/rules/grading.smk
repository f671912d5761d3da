"""Judging answers."""


rule grade:
    """Apply every configured grader to every response."""
    input:
        **where_read(results("readouts.parquet")),
        responses=results("responses.parquet"),
        study_items=results("items.parquet"),
        verdicts=verdicts_file(),
        recorded=recorded_grades(),
    output:
        grades=results("grades.parquet"),
    log:
        log_of("grade.log"),
    benchmark:
        time_of("grade.tsv")
    group:
        "grade"
    conda:
        "../../envs/analysis.yaml"
    threads: STUDY.grading.threads
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        grading=grading_settings(),
        answer_prompts=answer_prompts(),
        markers=thinking_markers(),
        code=code("grading", "data"),
    script:
        "../scripts/grade.py"


rule join_graded:
    """Join responses, grades and what analyses need of items: what every analysis starts from."""
    input:
        **where_read(results("readouts.parquet")),
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        graded=results("graded.parquet"),
    log:
        log_of("join_graded.log"),
    benchmark:
        time_of("join_graded.tsv")
    group:
        "grade"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        grading=grading_settings(),
        exclusion=exclusion(),
        controls=STUDY.analyses.controls,
        code=code("data", "grading"),
    script:
        "../scripts/join_graded.py"


rule tell_languages:
    """Tell languages and scripts of what every response thought, as shares of its words."""
    input:
        responses=results("responses.parquet"),
    output:
        languages=results("languages.parquet"),
    log:
        log_of("tell_languages.log"),
    benchmark:
        time_of("tell_languages.tsv")
    group:
        "grade"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        code=code("data"),
    script:
        "../scripts/tell_languages.py"
