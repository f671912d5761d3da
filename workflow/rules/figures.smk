"""Figures: one rule a figure, each as SVG and PNG in the study's one style.

Required inputs: the tables and contracts a figure shows. Outputs: figures/<name>.svg and .png.
"""


rule draw_difficulty:
    """How hard the items are for people."""
    input:
        study_items=results("items.parquet"),
    output:
        svg=report(
            figure("difficulty_histogram")["svg"],
            caption="../report/difficulty_histogram.rst",
            category="Items",
            labels={"result": "figure: difficulty of the items"},
        ),
        png=figure("difficulty_histogram")["png"],
    log:
        log_of("draw_difficulty.log"),
    benchmark:
        time_of("draw_difficulty.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="difficulty_histogram",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_registration:
    """Thinking tokens against difficulty, per model."""
    input:
        responses=results("responses.parquet"),
        overlap=overlap_table(),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        registration=table("registration"),
    output:
        svg=report(
            figure("tokens_vs_difficulty")["svg"],
            caption="../report/tokens_vs_difficulty.rst",
            category="Registration",
            labels={"result": "figure: thinking tokens and difficulty"},
        ),
        png=figure("tokens_vs_difficulty")["png"],
    log:
        log_of("draw_registration.log"),
    benchmark:
        time_of("draw_registration.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="tokens_vs_difficulty",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        exclusion=exclusion(),
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_outcomes:
    """Difficulty of items by outcome."""
    input:
        responses=results("responses.parquet"),
        overlap=overlap_table(),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        outcome_difficulty=table("outcome_difficulty"),
    output:
        svg=report(
            figure("difficulty_by_outcome")["svg"],
            caption="../report/difficulty_by_outcome.rst",
            category="Registration",
            labels={"result": "figure: difficulty by outcome"},
        ),
        png=figure("difficulty_by_outcome")["png"],
    log:
        log_of("draw_outcomes.log"),
    benchmark:
        time_of("draw_outcomes.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="difficulty_by_outcome",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        exclusion=exclusion(),
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_chain:
    """One item thought about under the whole sweep."""
    input:
        chains=results("chains.parquet"),
        responses=results("responses.parquet"),
        grades=results("grades.parquet"),
        study_items=results("items.parquet"),
        record=results("models", f"{MODELS[0]}.json"),
    output:
        svg=report(
            figure("one_chain")["svg"],
            caption="../report/one_chain.rst",
            category="Sweeps",
            labels={"result": "figure: one chain and its forks"},
        ),
        png=figure("one_chain")["png"],
    log:
        log_of("draw_chain.log"),
    benchmark:
        time_of("draw_chain.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="one_chain",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_budgets:
    """Accuracy against the maximum thinking budget."""
    input:
        study_items=results("items.parquet"),
        accuracy=table("accuracy"),
    output:
        svg=report(
            figure("accuracy_vs_budget")["svg"],
            caption="../report/accuracy_vs_budget.rst",
            category="Sweeps",
            labels={"result": "figure: accuracy and maximum budget"},
        ),
        png=figure("accuracy_vs_budget")["png"],
    log:
        log_of("draw_budgets.log"),
    benchmark:
        time_of("draw_budgets.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="accuracy_vs_budget",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_waits:
    """Accuracy and thinking tokens against forced waits."""
    input:
        accuracy=table("accuracy"),
    output:
        svg=report(
            figure("accuracy_vs_waits")["svg"],
            caption="../report/accuracy_vs_waits.rst",
            category="Sweeps",
            labels={"result": "figure: accuracy and waits"},
        ),
        png=figure("accuracy_vs_waits")["png"],
    log:
        log_of("draw_waits.log"),
    benchmark:
        time_of("draw_waits.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="accuracy_vs_waits",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_lengths:
    """Distributions of thinking length, natural and forced."""
    input:
        responses=results("responses.parquet"),
        overlap=overlap_table(),
    output:
        svg=report(
            figure("thinking_lengths")["svg"],
            caption="../report/thinking_lengths.rst",
            category="Sweeps",
            labels={"result": "figure: thinking lengths"},
        ),
        png=figure("thinking_lengths")["png"],
    log:
        log_of("draw_lengths.log"),
    benchmark:
        time_of("draw_lengths.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="thinking_lengths",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        exclusion=exclusion(),
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_token_change:
    """Per-item change of thinking tokens against natural."""
    input:
        responses=results("responses.parquet"),
        overlap=overlap_table(),
        token_change=table("token_change"),
    output:
        svg=report(
            figure("token_change")["svg"],
            caption="../report/token_change.rst",
            category="Sweeps",
            labels={"result": "figure: change of thinking tokens"},
        ),
        png=figure("token_change")["png"],
    log:
        log_of("draw_token_change.log"),
    benchmark:
        time_of("draw_token_change.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="token_change",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        exclusion=exclusion(),
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_token_scatter:
    """Token frequencies of corpus and items."""
    input:
        divergence_tokens=table("divergence_tokens"),
        divergence=table("divergence"),
    output:
        svg=report(
            figure("token_scatter")["svg"],
            caption="../report/token_scatter.rst",
            category="Corpus and items",
            labels={"result": "figure: token frequencies"},
        ),
        png=figure("token_scatter")["png"],
    log:
        log_of("draw_token_scatter.log"),
    benchmark:
        time_of("draw_token_scatter.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="token_scatter",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_token_contributions:
    """The tokens that add most to the divergence of corpus and items."""
    input:
        divergence_tokens=table("divergence_tokens"),
        divergence=table("divergence"),
    output:
        svg=report(
            figure("token_contributions")["svg"],
            caption="../report/token_contributions.rst",
            category="Corpus and items",
            labels={"result": "figure: tokens that differ most"},
        ),
        png=figure("token_contributions")["png"],
    log:
        log_of("draw_token_contributions.log"),
    benchmark:
        time_of("draw_token_contributions.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="token_contributions",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_overlap:
    """How much of each item occurs in a corpus."""
    input:
        overlap=table("overlap"),
        overlap_summary=table("overlap_summary"),
    output:
        svg=report(
            figure("item_overlap")["svg"],
            caption="../report/item_overlap.rst",
            category="Corpus and items",
            labels={"result": "figure: items that occur in a corpus"},
        ),
        png=figure("item_overlap")["png"],
    log:
        log_of("draw_overlap.log"),
    benchmark:
        time_of("draw_overlap.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="item_overlap",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_training:
    """Training loss of derived models."""
    input:
        training_loss=table("training_loss"),
    output:
        svg=report(
            figure("training_loss")["svg"],
            caption="../report/training_loss.rst",
            category="Training",
            labels={"result": "figure: training loss"},
        ),
        png=figure("training_loss")["png"],
    log:
        log_of("draw_training.log"),
    benchmark:
        time_of("draw_training.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="training_loss",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"


rule draw_graders:
    """Accuracy under each grader, and how far graders agree."""
    input:
        grader_agreement=table("grader_agreement"),
    output:
        svg=report(
            figure("grader_agreement")["svg"],
            caption="../report/grader_agreement.rst",
            category="Grading",
            labels={"result": "figure: graders compared"},
        ),
        png=figure("grader_agreement")["png"],
    log:
        log_of("draw_graders.log"),
    benchmark:
        time_of("draw_graders.tsv")
    conda:
        "../../envs/analysis.yaml"
    params:
        figure="grader_agreement",
        style=STUDY.figures.model_dump(),
        models=MODELS,
        grader=STUDY.grading.graders[0],
        confidence=STUDY.analyses.confidence,
        code=code("figures", "data/graded"),
    script:
        "../scripts/draw.py"
