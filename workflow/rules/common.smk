"""The checked study, file names, and the parts of the configuration that rules need.

The one place that knows file names. Functions here replace lambdas in rules.
"""

import sys
from pathlib import Path

LIBRARY = Path(workflow.current_basedir).parent / "thinkscale"

sys.path.insert(0, str(LIBRARY.parent))

from thinkscale.config import parse_study, refuse_repeated_keys
from thinkscale.digest import library_digest
from thinkscale.errors import ThinkscaleError
from thinkscale.job import share_library
from thinkscale.preflight import check_bank, check_writable

# Rules import the library from this checkout, in whichever environment they run.
share_library(LIBRARY)

RETRAINED = "results/calibration-models"


def checked_study():
    """The study, or the end of the run with a message and no traceback."""
    where = str(workflow.configfiles[-1]) if workflow.configfiles else "--config"
    try:
        for path in workflow.configfiles:
            refuse_repeated_keys(Path(path))
        study = parse_study(config, where, made_here=[RETRAINED])
        if workflow.is_main_process:
            check_writable(Path(study.results, study.study))
            check_bank(study, Path(study.results, study.study, "items.parquet"))
    except ThinkscaleError as error:
        sys.exit(f"thinkscale: {error}")
    return study


STUDY = checked_study()
MODELS = [model.name for model in STUDY.models]
DERIVED = [model.name for model in STUDY.models if model.derive is not None]
CORPORA = [corpus.name for corpus in STUDY.corpora]


def results(*parts):
    """A path under this study's results."""
    return str(Path(STUDY.results, STUDY.study, *parts))


def log_of(*parts):
    return results("logs", *parts)


def time_of(*parts):
    return results("benchmarks", *parts)


def code(*modules):
    """Digest of library modules whose code decides a rule's output: a change reruns the rule."""
    return library_digest(LIBRARY, modules)


def sampler_code():
    """Digest of the modules that decide which tokens are sampled: part of the journal's key."""
    modules = ("base", "packing", "rows", "sampling", "stream", "tree")
    return code(*(f"engines/{module}" for module in modules))


def model_config(name):
    return next(model for model in STUDY.models if model.name == name)


def corpus_config(name):
    return next(corpus for corpus in STUDY.corpora if corpus.name == name)


def corpus_file(name):
    """Generated corpora are outputs of a rule, others are read where they are."""
    corpus = corpus_config(name)
    if corpus.source == "calibration":
        return results("corpora", f"{name}.jsonl")
    return corpus.source


def bank_file():
    return [] if STUDY.items.source == "calibration" else STUDY.items.source


def model_files(wildcards):
    """What a model's record is made from: its files, or the directory a rule makes."""
    model = model_config(wildcards.model)
    if model.derive is not None:
        return results("models", model.name)
    if model.path is None:
        return []
    if model.path.startswith(RETRAINED):
        return model.path
    return sorted(str(p) for p in Path(model.path).iterdir() if p.is_file())


def parent_record(wildcards):
    return results("models", f"{model_config(wildcards.model).derive.parent}.json")


def parent_corpus(wildcards):
    return corpus_file(model_config(wildcards.model).derive.corpus)


def corpus_settings(wildcards):
    return corpus_config(model_config(wildcards.model).derive.corpus).model_dump()


def model_settings(wildcards):
    """The keys that say which weights these are."""
    keys = {"name", "path", "hub", "revision", "derive"}
    return model_config(wildcards.model).model_dump(include=keys, exclude={"derive": {"threads"}})


def remote_code_trusted(wildcards):
    return model_config(wildcards.model).inference.trust_remote_code


def expected_fingerprint(wildcards):
    return model_config(wildcards.model).fingerprint


def works_offline(wildcards):
    return model_config(wildcards.model).inference.offline


def derivation_settings(wildcards):
    return model_config(wildcards.model).derive.model_dump(exclude={"threads"})


def derivation_threads(wildcards):
    return model_config(wildcards.model).derive.threads


def inference_settings(wildcards):
    return model_config(wildcards.model).inference.model_dump(
        exclude={"offline", "shards", "threads"}
    )


def inference_threads(wildcards):
    return model_config(wildcards.model).inference.threads


def journal_directory(wildcards):
    return results("journal", wildcards.model)


def shard_count(wildcards):
    return model_config(wildcards.model).inference.shards


def shards(kind, suffix="parquet"):
    """Every shard of every model, `kind` being chains, responses or (JSON) usage."""
    return [
        results("inference", model.name, f"{shard}.{kind}.{suffix}")
        for model in STUDY.models
        for shard in range(model.inference.shards)
    ]


def compared_pairs():
    """Pairs of models on the same items: those asked for, else each derived with its parent."""
    if STUDY.analyses.compare is not None:
        return [list(pair) for pair in STUDY.analyses.compare]
    return [[m.derive.parent, m.name] for m in STUDY.models if m.derive is not None]


def table(name):
    return results("tables", f"{name}.csv")


def figure(name):
    return {kind: results("figures", f"{name}.{kind}") for kind in ("svg", "png")}


TABLES = [
    "accuracy",
    "registration",
    "outcome_difficulty",
    "mcnemar",
    "token_change",
    "model_comparison",
    "consensus",
    "ledger",
]
FIGURES = [
    "difficulty_histogram",
    "tokens_vs_difficulty",
    "difficulty_by_outcome",
    "one_chain",
    "accuracy_vs_budget",
    "accuracy_vs_waits",
    "thinking_lengths",
    "token_change",
]


def study_tables():
    """Tables this study has: some need a corpus or a derived model."""
    names = TABLES + (["divergence", "divergence_tokens"] if CORPORA else [])
    return [table(name) for name in names + (["training_loss"] if DERIVED else [])]


def study_figures():
    """Figures this study has, each as SVG and PNG."""
    names = FIGURES + (["token_scatter"] if CORPORA else [])
    names += ["training_loss"] if DERIVED else []
    return [path for name in names for path in figure(name).values()]


def analyses(*keys):
    """The settings of an analysis, so that a change of one reruns only what uses it."""
    return STUDY.analyses.model_dump(include=set(keys))


def resampling(*keys):
    """The same, for an analysis that draws at random."""
    return {**analyses(*keys), "seed": STUDY.seed}


def thinking_settings(wildcards):
    return model_config(wildcards.model).inference.thinking.model_dump()


def answer_prompts():
    """What was put in before a cut response's answer, by model: graders read it too."""
    return {model.name: model.inference.thinking.answer_prompt for model in STUDY.models}
