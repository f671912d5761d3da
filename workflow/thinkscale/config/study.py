"""A study's configuration: every key with its type, default, unit and meaning.

Each section has a module of its own. `config/README.md` and `config/schema.json` are written from
their descriptions.
"""

from typing import Any

from thinkscale.config.analyses import Analyses, Figures
from thinkscale.config.corpora import Corpus
from thinkscale.config.grading import Grading
from thinkscale.config.inference import Inference, Prompt
from thinkscale.config.items import Items
from thinkscale.config.models import Model, OtherModel
from thinkscale.config.section import Name, NonNegative, Section, Text, setting
from thinkscale.config.strategies import Scorer, Strategy
from thinkscale.config.sweep import Conditions


class Study(Section):
    """One study: everything under `results/<study>/` follows from it."""

    study: Name = setting(..., "Name of the study and of its directory.")
    seed: NonNegative = setting(0, "Seed of every random choice.")
    results: Text = setting("results", "Directory that holds `<study>/`.")
    items: Items = setting(..., "The item bank.")
    models: list[Model] = setting(..., "The models, in display order.", min_length=1)
    inference: Inference = setting(
        Inference(), "How models are run, unless a model says otherwise."
    )
    corpora: list[Corpus] = setting([], "Corpora to fine-tune on and to compare with.")
    conditions: Conditions = setting(Conditions(), "The sweep over thinking.")
    scorers: list[Scorer] = setting([], "What strategies judge candidates by.")
    strategies: list[Strategy] = setting(
        [], "Search and selection among many chains, compared at equal compute."
    )
    grading: Grading = setting(Grading(), "How answers are judged.")
    analyses: Analyses = setting(Analyses(), "Settings of the statistics.")
    figures: Figures = setting(Figures(), "The look of every figure.")


def judge_model(study: Study) -> Model | None:
    """The study's judge as a model with its own settings; None where there is no judge."""
    judge = study.grading.judge
    if judge is None:
        return None
    given = judge.model
    own = {
        **_asked(given, judge.system),
        "samples": 1,
        "max_answer_tokens": judge.max_answer_tokens,
    }
    return _with_inference(study, given, given.inference.model_copy(update=own))


def _asked(judge: OtherModel, system: str | None) -> dict[str, Any]:
    """How a judge's `inference` differs from what it would have as a model that thinks."""
    role = judge.inference.prompt.system_role
    return {
        "prompt": Prompt(system=system, system_role=role, template="{stem}"),
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "readout": None,
    }


def scorer_models(study: Study) -> dict[str, Model]:
    """By scorer, the model that it asks, where it has one."""
    found = {}
    for scorer in study.scorers:
        if (given := scorer.model) is not None:
            own = _asked(given, scorer.judge.system) if scorer.kind == "judge" else {}
            inference = given.inference.model_copy(update=own)
            found[scorer.name] = _with_inference(study, given, inference)
    return found


def _with_inference(study: Study, given: OtherModel, inference: Inference) -> Model:
    if not given.outside:
        found = next(model for model in study.models if model.name == given.name)
        return found.model_copy(update={"inference": inference})
    return Model(**given.model_dump(exclude={"inference"}), inference=inference)


def needs_weights(study: Study, model: Model) -> bool:
    """Whether a model's weights are needed where the study runs: a server has its own."""
    parents = [other.derive.parent for other in study.models if other.derive is not None]
    rewards = [s.model.name for s in study.scorers if s.kind in ("orm", "prm") and s.model]
    return model.inference.engine != "completions" or model.name in [*parents, *rewards]
