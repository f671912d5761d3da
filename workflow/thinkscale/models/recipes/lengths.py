"""Traces that name the length of their thinking in their question, so that a model learns to obey.

What budget forcing did to a trace is then the model's own to do: a wait that was put in, and the
end where it was cut, are learned like the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.traces import TraceFormat, thinking_pieces
from thinkscale.thinking.prompts import Instruction, encode, step_ends
from thinkscale.thinking.strategies.candidate import in_steps
from thinkscale.thinking.strategies.prompt_control import classes


@dataclass(frozen=True)
class NamedLength:
    """What a question says of length.

    by: `tokens` or `steps`, rounded up to a `multiple`, or `class` (`length_classes`: tokens that
    each has at most, by its name). instruction: the template of `Instruction`.
    """

    by: str
    instruction: str
    multiple: int = 1
    length_classes: Mapping[str, int | None] | None = None

    def told(self, tokens: int, steps: int) -> Instruction:
        """The instruction that thinking of so many tokens and steps follows."""
        if self.by == "class":
            [own] = [c for c in classes(self.length_classes) if c.holds(tokens)]
            return Instruction(self.instruction, own.name)
        count = tokens if self.by == "tokens" else steps
        return Instruction(self.instruction, str(-(-count // self.multiple) * self.multiple))


def name_lengths(
    rows: Sequence[Mapping],
    named: Sequence[NamedLength],
    tokenizer,
    form: TraceFormat,
    step_end: str,
) -> list[dict]:
    """Rows of a corpus whose questions name their length, by turns in each of the ways `named`.

    Tokens and steps are counted as in a response: up to the end marker, a newline that the model
    writes before it included. Raises ThinkscaleError where a row has no end (`open`).
    """
    ends, made = step_ends(tokenizer, step_end), []
    for number, (row, way) in enumerate(zip(rows, cycle(named), strict=False), 1):
        if row.get("ended") == "open":
            raise ThinkscaleError(
                f"Corpus row {number} has no end of thinking (ended: open); expected ones that do, "
                "since `derive.lengths` names how long it is."
            )
        pieces = thinking_pieces(row, form)
        ids = tuple(token for piece in pieces for token in encode(tokenizer, piece))
        told = way.told(len(ids), len(in_steps(ids, ends)))
        reasoning = [{"kind": "sampled", "text": piece} for piece in pieces]
        question = told.within(row["question"])
        made.append({**row, "question": question, "reasoning": reasoning, "ended": "natural"})
    return made
