"""Judging answers."""


rule grade:
    """Apply every configured grader to every response."""
    input:
        responses=results("responses.parquet"),
        study_items=results("items.parquet"),
        verdicts=verdicts_file(),
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


rule compare_graders:
    """Accuracy under each grader, and Cohen's kappa between them."""
    input:
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        overlap=overlap_table(),
    output:
        table=report(
            table("grader_agreement"),
            caption="../report/table.rst",
            category="Grading",
            labels={"result": "table: graders compared"},
        ),
    log:
        log_of("compare_graders.log"),
    benchmark:
        time_of("compare_graders.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        options=resampling("confidence", "n_boot"),
        models=MODELS,
        exclusion=exclusion(),
        code=code("stats", "data/graded"),
    script:
        "../scripts/compare_graders.py"
