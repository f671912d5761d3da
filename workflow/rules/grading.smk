"""Judging answers."""


rule grade:
    """Apply every configured grader to every response."""
    input:
        responses=results("responses.parquet"),
        study_items=results("items.parquet"),
    output:
        grades=results("grades.parquet"),
    log:
        log_of("grade.log"),
    benchmark:
        time_of("grade.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        grading=STUDY.grading.model_dump(),
        answer_prompts=answer_prompts(),
        code=code("grading"),
    script:
        "../scripts/grade.py"
