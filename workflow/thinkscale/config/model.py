"""A study's configuration: every key with its type, default, unit and meaning.

Each section has a module of its own. `config/README.md` and `config/schema.json` are written from
their descriptions.
"""

from pydantic import Field

from thinkscale.config.analyses import Analyses, Figures
from thinkscale.config.corpora import Corpus
from thinkscale.config.grading import Grading
from thinkscale.config.inference import Inference
from thinkscale.config.items import Items
from thinkscale.config.models import Model
from thinkscale.config.section import Name, NonNegative, Section
from thinkscale.config.sweep import Conditions


class Study(Section):
    """One study: everything under `results/<study>/` follows from it."""

    study: Name = Field(..., description="Name of the study and of its directory.")
    seed: NonNegative = Field(0, description="Seed of every random choice.")
    results: str = Field("results", description="Directory that holds `<study>/`.")
    items: Items = Field(..., description="The item bank.")
    models: list[Model] = Field(..., min_length=1, description="The models, in display order.")
    inference: Inference = Field(
        Inference(), description="How models are run, unless a model says otherwise."
    )
    corpora: list[Corpus] = Field([], description="Corpora to fine-tune on and to compare with.")
    conditions: Conditions = Field(Conditions(), description="The sweep over thinking.")
    grading: Grading = Field(Grading(), description="How answers are judged.")
    analyses: Analyses = Field(Analyses(), description="Settings of the statistics.")
    figures: Figures = Field(Figures(), description="The look of every figure.")
