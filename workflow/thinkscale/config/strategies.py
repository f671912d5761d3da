"""Strategies of search and selection, and the scorers that they go by."""

from typing import Any, Literal

from pydantic import model_validator
from pydantic.types import StrictBool

from thinkscale.config.judge import ThoughtJudge
from thinkscale.config.models import OtherModel
from thinkscale.config.presets.scorers import PRESETS
from thinkscale.config.section import (
    LengthClasses,
    LengthPrompt,
    Name,
    NonNegative,
    Number,
    Positive,
    Section,
    Text,
    setting,
)

ScorerKind = Literal["calibration", "likelihood", "readout", "orm", "prm", "judge", "recorded"]


class ScorerText(Section):
    """What a reward model with a format of its own is given, in its own tokens."""

    preset: Literal["math-shepherd", "rlhflow", "qwen2.5-math-prm", "trl", "chat"] | None = setting(
        None, "Family of reward models whose format is taken for the keys that are not given."
    )
    chat: Literal["none", "answer", "turns"] = setting(
        "none",
        "`none`: question and steps are one text. `answer`: the question is the user's turn, the "
        "steps are the assistant's. `turns`: each step is a turn of the user, to which the "
        "assistant says `right`.",
    )
    system: str | None = setting(None, "System message of the chat. Default: none.")
    before: str = setting("", "Text between the question and the first step.")
    behind: str = setting("", "Text behind each step, which is judged at its last token.")
    between: str = setting("", "Text between what is behind a step and the next step.")
    pieces: StrictBool = setting(
        False, "Encode question, steps and the text behind them each by itself."
    )
    right: Text | None = setting(
        None,
        "Word (its last token) by whose probability against that of `wrong` a causal model judges. "
        "Default: the model has labels.",
    )
    wrong: Text | None = setting(None, "Word of a causal model that stands against `right`.")

    @model_validator(mode="before")
    @classmethod
    def _take_from_preset(cls, values: Any) -> Any:
        name = values.get("preset") if isinstance(values, dict) else None
        # Nothing to take, or a fault that the field reports.
        return {**PRESETS[name], **values} if isinstance(name, str) and name in PRESETS else values

    @model_validator(mode="after")
    def _has_both_words(self) -> "ScorerText":
        if (self.right is None) != (self.wrong is None) or self.right == self.wrong is not None:
            raise ValueError("two different words, `right` and `wrong`, or neither")
        if self.chat == "turns" and self.right is None:
            raise ValueError("`right` and `wrong` beside `chat: turns`")
        return self


class Scorer(Section):
    """What judges candidates at the ends of their steps."""

    name: Name = setting(..., "Name used in every table and figure.")
    kind: ScorerKind = setting(
        ...,
        "`calibration`: a scorer of stated quality, which knows the calibration items and reads "
        "no model. `likelihood`: the model's own, the geometric mean of a step's token "
        "probabilities. `readout`: the model's own, how sure it is of an option where thinking is "
        "cut behind the step. `orm`: an outcome reward model, one that classifies sequences. "
        "`prm`: a process reward model, one that classifies tokens or says one of two words. Of "
        "one label the value is the logistic function, of two (wrong, right) the softmax. `judge`: "
        "a language model that is asked whether all is right so far. `recorded`: its scores stand "
        "in the logs of models with `responses` (`responses.scores`).",
    )
    d_prime: Number = setting(
        2.0,
        "Of a `calibration` scorer: how far its evidence of right and of wrong steps lies apart "
        "(0 knows nothing; the area under its ROC curve is Φ(d′/√2): 2 gives .92).",
        "standard deviations",
        ge=0,
    )
    measure: Literal["probability", "margin"] = setting(
        "probability",
        "Of a `readout`: the probability of the likeliest label among the item's, or how far the "
        "next one lies below it.",
    )
    model: OtherModel | None = setting(
        None, "The reward model of an `orm` or a `prm`, or the model that is a `judge`."
    )
    judge: ThoughtJudge = setting(ThoughtJudge(), "What a `judge` is asked.")
    text: ScorerText | None = setting(
        None,
        "How a reward model reads the thought's text. Default: it has the tokens of the model that "
        "thinks and reads those, at the last one of each step.",
    )


class Strategy(Section):
    """A way to spend compute on many chains, at one or several sizes.

    Which keys an approach has beside those that all share, its own part of this page says.
    """

    approach: Name = setting(
        ...,
        "`majority`, `best_of_n`, `weighted_best_of_n` (choose among natural samples), "
        "`beam_search`, `dvts`, `mcts`, `ab_mcts`, `particle_filtering` (search a tree of steps), "
        "`revisions` (passes with a forced continuation), `rejection` (draw until it is short), "
        "`token_conditional`, `step_conditional`, `class_conditional` (the prompt says how long to "
        "think).",
    )
    name: Name | None = setting(
        None, "Name used in every table and figure. Default: the approach's."
    )
    scorer: Name | None = setting(None, "Name of the scorer it goes by.")
    n: list[Positive] | None = setting(
        None, "Sizes: samples, beams, particles, or chains that are revised.", min_length=1
    )
    num_simulations: list[Positive] | None = setting(
        None, "Sizes of `mcts` and `ab_mcts`: nodes expanded, a rollout each.", min_length=1
    )
    max_think: list[NonNegative] | None = setting(
        None,
        "Sizes of `rejection`: budgets that thinking must stay within; of `token_conditional`: "
        "budgets that are named.",
        "thinking tokens",
        min_length=1,
    )
    num_steps: list[Positive] | None = setting(
        None, "Sizes of `step_conditional`: steps that are named.", "steps", min_length=1
    )
    length_classes: LengthClasses | None = setting(
        None,
        "Sizes of `class_conditional`: names of lengths, from the shortest, each with the thinking "
        "tokens that it has at most (nothing: no bound), as `{short: 40, long: }`. In tables `n` "
        "counts them from 1.",
    )
    choose: Literal["best", "weighted", "majority"] | None = setting(
        None,
        "How the answer is chosen among the candidates: the one with the best score; the answer "
        "whose candidates' scores sum highest; the answer of most candidates. Default: as the "
        "approach is called, `best` for trees, `majority` without a scorer.",
    )
    agg_strategy: Literal["last", "min", "prod", "mean"] = setting(
        "last", "How the scores of a candidate's steps become its score."
    )
    beam_width: Positive | None = setting(
        None,
        "Children of each candidate that is kept; `n` is a multiple of it. Default: 4 (`mcts`: 2, "
        "and any number of simulations).",
    )
    num_iterations: Positive | None = setting(None, "Steps at most. Default: 40.", "steps")
    lookahead: NonNegative | None = setting(
        None, "Of `beam_search`: greedy steps before a value is read. Default: 0.", "steps"
    )
    filter_duplicates: StrictBool | None = setting(
        None,
        "Of `beam_search`: equal candidates count once. Default: they do not, since copies are "
        "votes.",
    )
    exploration: Number | None = setting(
        None, "Of `mcts`: the weight of what was seldom visited in UCT. Default: √2.", ge=0
    )
    passes: Positive | None = setting(
        None, "Of `revisions`: passes of a chain, the first among them. Default: 2."
    )
    max_tries: Positive | None = setting(
        None, "Of `rejection`: samples drawn at most. Default: 16."
    )
    samples: Positive | None = setting(
        None, "Of the `…_conditional`: samples drawn at each size. Default: 1.", "samples"
    )
    instruction: LengthPrompt | None = setting(
        None,
        "Of the `…_conditional`: the user's message with what it says of length; {message} is the "
        "message as it would be, {length} the size (of a class its name). Default: a sentence in "
        "English behind the message.",
    )

    @property
    def shown(self) -> str:
        """Its name in tables and figures."""
        return self.name or self.approach
