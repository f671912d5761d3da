"""The checked study, file names, and the parts of the configuration that rules need.

The one place that knows file names. Functions here replace lambdas in rules.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from snakemake import __version__ as snakemake_version
from snakemake.settings.types import DeploymentMethod
from snakemake.sourcecache import LocalSourceFile


def git(repository, *arguments):
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def laid_out(rules):
    """The directory of the workflow, and its commit where it is read out of a git repository.

    Snakemake reads rules and scripts of a module out of a repository one by one. The library is
    imported, so such a workflow is laid out whole, once for each commit.
    """
    if isinstance(rules, LocalSourceFile):
        return Path(rules).parent, None
    repository = getattr(rules, "repo_path", None) or rules.hosted_repo.repo_clone
    commit = git(repository, "rev-parse", f"{rules.ref}^{{commit}}").decode().strip()
    copies = Path(".snakemake", "thinkscale").absolute()
    if not (copies / commit).exists():
        copies.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copies) as new:
            git(repository, "archive", "--output", f"{new}/all.tar", commit, "workflow", "envs")
            shutil.unpack_archive(f"{new}/all.tar", f"{new}/all")
            Path(new, "all").rename(copies / commit)
    return copies / commit / "workflow", commit


WORKFLOW, COMMIT = laid_out(workflow.current_basedir)
LIBRARY = WORKFLOW / "thinkscale"

sys.path.insert(0, str(WORKFLOW))

from thinkscale.config import parse_study, read_yaml
from thinkscale.config.corpora import tokenizer_file
from thinkscale.config.study import judge_model, needs_weights, scorer_models
from thinkscale.data.digest import library_digest
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.job import share_library
from thinkscale.jobs.preflight import check_surroundings
from thinkscale.report.counting import recounted
from thinkscale.thinking.strategies.registry import APPROACHES
from thinkscale.thinking.strategies.search import samples_drawn

# Rules import the library from this checkout, in whichever environment they run.
share_library(LIBRARY)

CAPTIONS = sorted(str(path) for path in (WORKFLOW / "report").iterdir())
RETRAINED = "results/calibration-models"


def or_end(check, *given):
    """What a check returns, or the end of the run with a message and no traceback."""
    try:
        return check(*given)
    except ThinkscaleError as error:
        sys.exit(f"thinkscale: {error}")


def checked_study():
    where = str(workflow.configfiles[-1]) if workflow.configfiles else "--config"
    for path in workflow.configfiles:
        read_yaml(Path(path))
    study = parse_study(config, where, made_here=[RETRAINED])
    if workflow.is_main_process:
        check_surroundings(study, where, made_here=[RETRAINED])
    return study


# A study is one file: a `--configfile` replaces the demo study, it is not laid over it. Of a file
# that is no YAML Snakemake tells neither name nor line, so it is read here first; what a
# `--configfile` names Snakemake reads before any rule, and only `make` looks at it before.
if not workflow.overwrite_configfiles and not workflow.modifier.skip_configfile:
    or_end(read_yaml, Path("config/config.yaml"))

    configfile: "config/config.yaml"


STUDY = or_end(checked_study)
# Reward models are models of the study too, but judge and do not think.
THINKING = [model for model in STUDY.models if model.thinks]
MODELS = [model.name for model in THINKING]
# What others ran is read from their logs.
RUN = [model for model in THINKING if model.runs]
RECORDED = [model.name for model in THINKING if not model.runs]
# A recorded model may come with no tokenizer.
TOKENIZED = [
    model.name for model in THINKING if model.responses is None or model.responses.tokenizer
]
SEVERAL_GRADERS = len(STUDY.grading.graders) > 1
# Whether the bank may say how long people took.
TIMED = STUDY.items.source == "calibration" or STUDY.items.columns.response_time
# Whether probabilities of the options are read of any model.
READOUT = any(getattr(model.inference, "readout", None) for model in RUN)
# Whether thinking is cut anywhere, whether logs have conditions of their own, and whether there is
# any condition beside natural.
CUT = STUDY.conditions.max_think or STUDY.conditions.truncate
LOGGED = any(
    model.responses.columns.condition or log.condition != "natural"
    for model in THINKING
    if not model.runs
    for log in model.responses.logs
)
FORCED = (
    CUT
    or LOGGED
    or any(getattr(STUDY.conditions, key) for key in ("min_think", "waits", "combine", "no_think"))
)
# Whether waits are forced anywhere, and samples enough to vote; logs may have both.
WAITS_AND_VOTES = LOGGED or (
    (STUDY.conditions.waits or any(one.waits for one in STUDY.conditions.combine))
    and any(2 < k <= one.inference.samples for one in RUN for k in STUDY.analyses.consensus_k)
)
DERIVED = [model.name for model in STUDY.models if model.derive is not None]
TRAINED = [model for model in THINKING if model.derive is not None]
REWARDED = [model.name for model in STUDY.models if not model.thinks]
# Derived models that learn by their losses, and those that do by rewards.
LEARNED = [m.name for m in STUDY.models if m.derive is not None and m.derive.recipe != "grpo"]
REINFORCED = [name for name in DERIVED if name not in LEARNED]
# Strategies that draw step by step.
TREES = [entry.shown for entry in STUDY.strategies if APPROACHES[entry.approach].tree]
EXPORTED = [model.name for model in STUDY.models if model.export.gguf is not None]
CORPORA = [corpus.name for corpus in STUDY.corpora]
GENERATED = [corpus.name for corpus in STUDY.corpora if corpus.generate is not None]
JUDGE = judge_model(STUDY)
SCORER_MODELS = scorer_models(STUDY)
# Models with a record: those of the study, its judge, and those its scorers ask.
OTHERS = [*([] if JUDGE is None else [JUDGE]), *SCORER_MODELS.values()]
# By name; one of the study goes before a judge or a scorer that is run otherwise.
BY_NAME = {model.name: model for model in reversed([*STUDY.models, *OTHERS])}
REGISTERED = list(dict.fromkeys(model.name for model in [*STUDY.models, *OTHERS]))


RESULTS = str(Path(STUDY.results, STUDY.study))


def results(*parts):
    """A path under this study's results."""
    return os.path.join(RESULTS, *parts)


def log_of(*parts):
    return results("logs", *parts)


def time_of(*parts):
    return results("benchmarks", *parts)


def code(*modules):
    """Digest of library modules whose code decides a rule's output: a change reruns the rule."""
    return library_digest(LIBRARY, modules)


def model_config(name):
    """A model of the study, or a judge or scorer that is none of them."""
    return BY_NAME[name]


def corpus_config(name):
    return next(corpus for corpus in STUDY.corpora if corpus.name == name)


def forced_continuations():
    """What of the sweep decides how a chain goes on past a natural end."""
    keys = {"continuations", "continuation_choice", "max_swaps"}
    return STUDY.conditions.model_dump(include=keys)


def read_corpora():
    """The settings of every corpus that say what is read, and its file if it has one."""
    return [[corpus.model_dump(), corpus_file(corpus.name) or None] for corpus in STUDY.corpora]


def model_prompts():
    """How each model is asked; a judge is told, too."""
    return {model.name: model.inference.prompt.model_dump() for model in THINKING}


def tokenizer_prompts():
    """How those models are asked that have a tokenizer."""
    prompts = model_prompts()
    return [prompts[name] for name in TOKENIZED]


def chain_record():
    """The record of the first model that has chains."""
    return results("models", f"{RUN[0].name}.json") if RUN else []


def log_files(wildcards):
    """The logs of a recorded model, and the tokenizer that counts their tokens."""
    recorded = model_config(wildcards.model).responses
    counter = recorded.tokenizer
    tokenizer = [] if counter is None or counter.path is None else [tokenizer_file(counter.path)]
    return [*(log.path for log in recorded.logs), *map(str, tokenizer)]


def recorded_settings(wildcards):
    return model_config(wildcards.model).responses.model_dump()


def recorded_markers(wildcards):
    strings = model_config(wildcards.model).inference.thinking
    return [strings.start, *strings.end]


def whole_turn(wildcards):
    return model_config(wildcards.model).inference.thinking.turn_end == "response"


def recorded_grades():
    """The scores that logs brought along, where a grader of the study is one of them."""
    asked = any(":" in name for name in STUDY.grading.graders)
    return [results("inference", name, "0.grades.parquet") for name in RECORDED if asked]


def tokenizer_paths():
    """Files of tokenizers that no model has."""
    others = STUDY.analyses.divergence.tokenizers
    return [str(tokenizer_file(other.path)) for other in others if other.path is not None]


def overlap_table():
    """The items' overlap with corpora, for a study that leaves items out by it."""
    return [] if STUDY.analyses.contamination.exclude_above is None else table("overlap")


def exclusion():
    """By which overlap with which corpora the study leaves items out."""
    return STUDY.analyses.contamination.model_dump(include={"exclude_above", "corpora"})


def bank_file():
    return [] if STUDY.items.source in (None, "calibration") else STUDY.items.source


def model_settings(wildcards):
    """The keys that say which weights these are."""
    keys = {"name", "path", "hub", "revision", "derive"}
    return model_config(wildcards.model).model_dump(include=keys, exclude={"derive": {"threads"}})


def remote_code_trusted(wildcards):
    return model_config(wildcards.model).inference.trust_remote_code


def weights_needed(wildcards):
    return needs_weights(STUDY, model_config(wildcards.model))


def expected_fingerprint(wildcards):
    return model_config(wildcards.model).fingerprint


def works_offline(wildcards):
    return model_config(wildcards.model).inference.offline


def inference_settings(wildcards):
    return model_config(wildcards.model).inference.model_dump(
        exclude={"offline", "shards", "threads"}
    )


def inference_threads(wildcards):
    return model_config(wildcards.model).inference.threads


def journal_directory(wildcards):
    return results("journal", wildcards.model)


def seen_from(folder, path):
    """What a rule's function `path` says, as seen from a folder: the same in every study."""

    def relative(wildcards):
        return os.path.relpath(path(wildcards), folder.format(**wildcards))

    return relative


def shard_count(wildcards):
    return model_config(wildcards.model).inference.shards


def one_of(names):
    """A wildcard that is one of these names, or nothing at all."""
    return "|".join(name.replace(".", r"\.") for name in names) or "(?!)"


def shards(kind, suffix="parquet", room="inference"):
    """Every shard of every model, `kind` being chains, responses, readouts or (JSON) usage."""
    return [
        results(room, model.name, f"{shard}.{kind}.{suffix}")
        for model in THINKING
        for shard in range(model.inference.shards if model.runs else 1)
    ]


def where_read(readouts):
    """Files of readouts by that name, where a model of the study reads its options' labels."""
    return {"readouts": readouts} if READOUT else {}


def compared_pairs():
    """Pairs of models on the same items: those asked for, else each derived with its parent."""
    if STUDY.analyses.compare is not None:
        return {"pairs": [list(pair) for pair in STUDY.analyses.compare]}
    return {"pairs": [[m.derive.parent, m.name] for m in THINKING if m.derive is not None]}


def environments():
    """The conda environments that rules of this study run in; none without conda."""
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        return []
    models = any(name not in RECORDED for name in REGISTERED)
    return ["analysis", *(["inference"] if models else []), *(["training"] if DERIVED else [])]


def table(name):
    return results("tables", f"{name}.csv")


def figure(name):
    return {kind: results("figures", f"{name}.{kind}") for kind in ("svg", "png")}


def analyses(*keys):
    """The settings of an analysis, so that a change of one reruns only what uses it."""
    return STUDY.analyses.model_dump(include=set(keys))


def resampling(*keys):
    """The same, for an analysis that draws at random."""
    return {**analyses(*keys), "seed": STUDY.seed}


def held_out():
    """Which natural samples tell how hard an item is, where the bank does not."""
    drawn = samples_drawn([strategy.model_dump() for strategy in STUDY.strategies])
    return {} if STUDY.analyses.levels == "difficulty" else {"held_out": drawn}


def thinking_settings(wildcards):
    return model_config(wildcards.model).inference.thinking.model_dump()


def answer_prompts():
    """What was put in before a cut response's answer, by model: graders read it too.

    What others put in is not known.
    """
    return {m.name: m.inference.thinking.answer_prompt if m.runs else "" for m in THINKING}


def thinking_markers():
    """What opens and what ends thinking, by model: what an answer holds of it is set aside."""
    thinking = {model.name: model.inference.thinking for model in THINKING}
    return {name: [strings.start, *strings.end] for name, strings in thinking.items()}


def judge_record(wildcards):
    return results("models", f"{JUDGE.name}.json")


def scorer_records():
    """By scorer that asks a model: that model's record, and how it is run."""
    unused = {"offline", "shards", "threads"}
    kinds = {scorer.name: scorer.kind for scorer in STUDY.scorers}
    return {
        name: [
            results("models", f"{model.name}.json"),
            # Only a judge is asked in words.
            model.inference.model_dump(
                exclude=unused if kinds[name] == "judge" else unused | {"prompt", "thinking"}
            ),
        ]
        for name, model in SCORER_MODELS.items()
    }


def judge_settings(wildcards):
    """What decides the judge's questions; which verdict means what is the grader's."""
    judge = STUDY.grading.judge.model_dump(include={"template", "marker", "max_think"})
    return {**judge, "verdicts": list(STUDY.grading.judge.verdicts)}


def judge_inference(wildcards):
    return JUDGE.inference.model_dump(exclude={"offline", "shards", "threads"})


def judge_threads(wildcards):
    return JUDGE.inference.threads


def judge_shard_count(wildcards):
    return JUDGE.inference.shards


def judge_journal(wildcards):
    return results("journal", f"judge-{JUDGE.name}")


def judge_shards():
    count = 0 if JUDGE is None else JUDGE.inference.shards
    return [results("judge", f"{shard}.verdicts.parquet") for shard in range(count)]


def verdicts_file():
    """What the judge said, where the study has one."""
    return [] if JUDGE is None else results("verdicts.parquet")


def grading_settings():
    """The settings of graders: of the judge only how its verdicts are read."""
    grading = STUDY.grading.model_dump(exclude={"judge", "threads"})
    if STUDY.grading.judge is not None:
        grading["judge"] = STUDY.grading.judge.model_dump(include={"marker", "verdicts"})
    return grading


def registrable(models):
    """Records of models that are there as files: planning sets off no training and no download."""
    return [
        results("models", f"{model.name}.json")
        for model in models
        if model.path is not None and not model.path.startswith(RETRAINED)
    ]


def planned(model):
    """How a model is brought in, and its record where the study has made it."""
    keys = {"name", "path", "hub", "revision", "derive"}
    return {
        "model": model.model_dump(include=keys),
        "record": results("models", f"{model.name}.json"),
        "offline": model.inference.offline,
        "trust_remote_code": model.inference.trust_remote_code,
        "fingerprint": model.fingerprint,
        "weights": needs_weights(STUDY, model),
    }
