"""Judging answers."""


rule grade:
    """Apply every configured grader to every response."""
    input:
        responses=results("responses.parquet"),
        study_items=results("items.parquet"),
        verdicts=verdicts_file(),
        readouts=readouts_file() if "readout" in STUDY.grading.graders else [],
    output:
        grades=results("grades.parquet"),
    log:
        log_of("grade.log"),
    benchmark:
        time_of("grade.tsv")
    conda:
        "../../envs/analysis.yaml"
    threads: STUDY.grading.threads
    params:
        grading=grading_settings(),
        answer_prompts=answer_prompts(),
        code=code("grading", "data"),
    script:
        "../scripts/grade.py"


rule join_graded:
    """Join responses, grades and what analyses need of items: what every analysis starts from."""
    input:
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
        readouts=readouts_file(),
    output:
        graded=results("graded.parquet"),
    log:
        log_of("join_graded.log"),
    benchmark:
        time_of("join_graded.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        graders=STUDY.grading.graders,
        exclusion=exclusion(),
        code=code("data"),
    script:
        "../scripts/join_graded.py"
