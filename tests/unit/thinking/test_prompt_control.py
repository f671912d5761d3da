"""Lengths named in the prompt: one scripted model obeys them, another does not."""

import re

import pytest

from scripted import EOS, Scripted, forcing, ids, text
from thinkscale.engines.base import noise_key
from thinkscale.engines.drive import drive
from thinkscale.thinking.prompts import Instruction
from thinkscale.thinking.strategies.candidate import Task
from thinkscale.thinking.strategies.prompt_control import LengthClass, classes
from thinkscale.thinking.strategies.registry import APPROACHES
from thinkscale.thinking.strategies.search import Search, searches

STEP_ENDS = (ids(";"),)


def obeys(so_far: str) -> str:
    """Steps `a;`, as many tokens or steps as the prompt names; a `short` thought is empty."""
    prompt, _, thinking = so_far.partition("<\n")
    if "|" in thinking:
        return ("X" + EOS)[len(thinking.partition("|")[2]) :]
    named = re.search(r"(\w+) (tokens|steps|time)", prompt)
    number, unit = named.groups() if named else ("6", "tokens")
    number = {"short": 0, "long": 6}.get(number, number)
    wanted = int(number) * (2 if unit == "steps" else 1)
    return ("a;" * wanted)[len(thinking) : wanted] + "|"


def ignores(so_far: str) -> str:
    return obeys(so_far.partition("<\n")[0][:1] + "<\n" + so_far.partition("<\n")[2])


def searched(entries, script):
    """(search, its bill) for each size of what a configuration asks, and the engine."""
    wanted = [
        Search(entry["approach"], entry["approach"], n, approach.of(size, entry))
        for entry in entries
        for approach in [APPROACHES[entry["approach"]]]
        for n, size in approach.sizes(entry)
    ]
    prompts = {s.told: ids(s.told.within("Q") + "<\n") for s in wanted if s.told}
    rows = lambda sample: noise_key(0, "item", sample)  # noqa: E731
    task = Task(ids("Q<\n"), 120, rows, forcing(), STEP_ENDS, instructed=prompts)
    engine = Scripted(script)
    [(_, done)] = drive([("item", searches(task, wanted))], engine, 1)
    return done, engine


def lengths(searched):
    return [sum(map(len, found.steps)) for found in searched.found]


def met(searched):
    return [
        searched.search.settings.met(sum(map(len, found.steps)), len(found.steps))
        for found in searched.found
    ]


ASKED = [
    {"approach": "token_conditional", "max_think": [3, 8]},
    {"approach": "step_conditional", "num_steps": [2, 4]},
    {"approach": "class_conditional", "length_classes": {"short": 2, "long": None}},
]


def test_the_prompt_names_the_length_and_nothing_else_sees_to_it():
    done, engine = searched(ASKED, obeys)
    prompts = dict.fromkeys(text(r.prompt).partition("<\n")[0] for r in engine.asked)
    assert list(prompts) == [
        "Q\n\nThink for 3 tokens at most.",
        "Q\n\nThink for 8 tokens at most.",
        "Q\n\nThink in 2 steps at most.",
        "Q\n\nThink in 4 steps at most.",
        "Q\n\nThink for a short time.",
        "Q\n\nThink for a long time.",
    ]
    assert [lengths(d) for d in done] == [[3], [8], [4], [8], [0], [6]]
    assert [len(d.found[0].steps) for d in done] == [2, 4, 2, 4, 0, 3]
    assert [met(d) for d in done] == [[True]] * 6
    assert [d.search.n for d in done] == [3, 8, 2, 4, 1, 2]
    assert sum(d.sampled for d in done) == engine.sampled


def test_who_ignores_it_is_not_cut_and_is_told_from_who_obeys():
    done, _ = searched(ASKED, ignores)
    assert [lengths(d) for d in done] == [[6]] * 6
    assert {found.stop for d in done for found in d.found} == {"natural"}
    # 6 tokens are more than 3 and not more than 8; 3 steps; more than the 2 that a short one has.
    assert [met(d) for d in done] == [[False], [True], [False], [True], [False], [True]]


def test_several_samples_are_rows_of_their_own_which_later_sizes_find_again():
    entry = {"approach": "token_conditional", "max_think": [4], "samples": 3}
    [done], engine = searched([entry], obeys)
    assert lengths(done) == [4, 4, 4] and [found.draws for found in done.found] == [
        (0,),
        (1,),
        (2,),
    ]
    assert len({request.noise for request in engine.asked}) == 3
    one = {"approach": "token_conditional", "max_think": [4]}
    [first, more], engine = searched([one, entry], obeys)
    assert more.sampled == 3 * first.sampled and more.sampled_new == 2 * first.sampled


def test_what_was_thought_is_judged_behind_the_prompt_that_it_was_thought_behind():
    done, _ = searched(ASKED[:1], obeys)
    assert [text(d.found[0].prompt) for d in done] == [
        "Q\n\nThink for 3 tokens at most.<\n",
        "Q\n\nThink for 8 tokens at most.<\n",
    ]


def test_classes_are_intervals_that_follow_each_other():
    short, medium, long = classes({"short": 4, "medium": 9, "long": None})
    assert (medium, long) == (LengthClass("medium", 4, 9), LengthClass("long", 9, None))
    for tokens, own in ((0, short), (4, short), (5, medium), (9, medium), (10, long)):
        assert [c for c in (short, medium, long) if c.holds(tokens)] == [own]
    assert all(c.holds(7) for c in classes({"brief": None, "thorough": None}))


@pytest.mark.parametrize(
    ("template", "before", "behind"),
    [("{length}: {message}", "12: ", ""), ("{message}\n{{{length}}}", "", "\n{12}")],
)
def test_an_instruction_stands_anywhere_and_takes_messages_as_they_are(template, before, behind):
    told = Instruction(template, "12")
    for message in ("{length} {message}", "}{", ""):
        assert told.within(message) == f"{before}{message}{behind}"
