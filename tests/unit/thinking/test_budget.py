"""Budget forcing, token by token, against a scripted engine."""

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted import EOS, PROMPT, Scripted, forcing, ids, passes, text
from thinkscale.data.conditions import DRAWN
from thinkscale.engines.base import noise_key
from thinkscale.engines.drive import drive
from thinkscale.thinking.budget import respond
from thinkscale.thinking.conditions import NATURAL, Condition, sweep
from thinkscale.thinking.think import ledger

UNTHINKING = PROMPT + "|"


def run(conditions, script=passes, context=1000, prompt=PROMPT, **changes):
    engine = Scripted(script)
    made = forcing(**changes)
    row = respond(ids(prompt), b"key", conditions, made, context, unthinking=ids(UNTHINKING))
    [(_, result)] = drive([("row", row)], engine, 8)
    return engine, result


def seen(answer) -> str:
    """The text an answer saw after the prompt, as its condition's answer was asked for it."""
    return text(answer.prefix.ids) + text(answer.forced_end)


def test_natural_end_keeps_the_models_own_marker_and_forces_nothing():
    engine, row = run({"natural": NATURAL})
    answer = row.answers["natural"]
    assert text(answer.prefix.ids) == "abcd"
    assert answer.forced_end == ()
    assert text(engine.asked[-1].prompt) == PROMPT + "abcd|"
    assert text(answer.completion.ids) == "X"
    assert ledger(answer) == {
        "prompt_tokens": 3,
        "think_natural": 4,
        "think_injected": 0,
        "think_tokens": 4,
        "forced_end_tokens": 0,
        "answer_tokens": 2,  # X and EOS
        "new_tokens": 7,  # abcd | X $
        "alone_tokens": 7,
        "waits_done": 0,
        "stop": "natural",
        "answer_stop": "eos",
        "answer_from": "answer",
        "censored": False,
    }


@pytest.mark.parametrize(
    ("budget", "thought", "stop", "forced"),
    [
        (0, "", "budget", "|="),  # the prompt ends in a newline: none is put in
        (1, "a", "budget", "\n|="),
        (3, "abc", "budget", "\n|="),
        (4, "abcd", "natural", ""),  # spent, and ended: nothing was cut
        (9, "abcd", "natural", ""),
    ],
)
def test_maximum_budget(budget, thought, stop, forced):
    _, row = run(sweep(max_think=[budget]))
    answer = row.answers[f"max={budget}"]
    assert (text(answer.prefix.ids), answer.prefix.stop) == (thought, stop)
    assert text(answer.forced_end) == forced
    assert answer.prefix.censored == (stop == "budget")


def test_a_budget_that_is_not_reached_shares_the_natural_answer_and_costs_nothing():
    engine, row = run(sweep(max_think=[50]))
    assert row.answers["max=50"].completion is row.answers["natural"].completion
    assert row.answers["max=50"].new_tokens == 0
    assert row.answers["max=50"].alone_tokens == row.answers["natural"].alone_tokens
    assert len(engine.asked) == 2  # one thought, one answer


def test_a_newline_is_not_doubled():
    _, row = run(sweep(max_think=[3]), partial(passes, thoughts=("ab\ncd",)))
    assert text(row.answers["max=3"].forced_end) == "|="


def test_waits_drop_the_marker_and_think_on():
    engine, row = run(sweep(waits=[1, 2]))
    assert text(row.answers["waits=1"].prefix.ids) == "abcdWef"
    assert text(row.answers["waits=2"].prefix.ids) == "abcdWefWg"
    assert text(engine.asked[1].prompt) == PROMPT + "abcdW"
    counts = ledger(row.answers["waits=2"])
    assert (counts["think_natural"], counts["think_injected"]) == (7, 2)
    assert counts["waits_done"] == 2
    assert counts["stop"] == "natural"
    assert row.answers["waits=1"].new_tokens == 3 + 2  # ef| and X$
    assert row.answers["waits=2"].new_tokens == 2 + 2
    assert row.answers["waits=2"].alone_tokens == 5 + 3 + 2 + 2


@pytest.mark.parametrize(
    ("minimum", "thought", "waits"),
    [(1, "abcd", 0), (4, "abcd", 0), (5, "abcdWef", 1), (8, "abcdWefWg", 2)],
)
def test_minimum_budget_waits_as_often_as_needed(minimum, thought, waits):
    _, row = run(sweep(min_think=[minimum]))
    prefix = row.answers[f"min={minimum}"].prefix
    assert (text(prefix.ids), prefix.waits_done, prefix.stop) == (thought, waits, "natural")


def test_minimum_budget_gives_up_after_its_swaps():
    _, row = run(sweep(min_think=[500]), max_swaps=3)
    prefix = row.answers["min=500"].prefix
    assert text(prefix.ids) == "abcdWefWgWg"
    assert prefix.waits_done == 3


def test_an_empty_continuation_draws_new_noise_for_the_same_text():
    engine, _ = run({"w": Condition(waits=2, continuation="")}, partial(passes, thoughts=("ab",)))
    again = [r.position for r in engine.asked if text(r.prompt) == PROMPT + "ab"]
    assert again == [3, 4]


def test_continuations_branch_at_the_first_natural_end():
    engine, row = run(sweep(waits=[1], continuations=["Wait", "Hmm"]))
    assert text(row.answers["waits=1;continuation=Hmm"].prefix.ids) == "abcdHef"
    assert [text(r.prompt) for r in engine.asked].count(PROMPT) == 1
    assert [chain.continuation for chain in row.chains] == ["Wait", "Hmm"]
    # a b c d | once; e f | and X $ for each branch, X $ for the natural answer
    assert engine.sampled == 5 + 2 * (3 + 2) + 2


def test_waits_within_a_maximum_share_one_budget():
    conditions = {f"b{b}": Condition(max_think=b, waits=2, continuation="Wait") for b in range(11)}
    _, row = run({"natural": NATURAL, **conditions})
    whole = "abcdWefWg"
    for budget in range(11):
        prefix = row.answers[f"b{budget}"].prefix
        assert text(prefix.ids) == whole[:budget]
        assert prefix.stop == ("natural" if budget > len(whole) else "budget")
        assert prefix.waits_done == (budget > 4) + (budget > 7)
        assert prefix.count("injected") == whole[:budget].count("W")


def test_eos_inside_thinking_ends_it_and_the_marker_is_put_in():
    _, row = run(sweep(waits=[1]), partial(passes, thoughts=("ab" + EOS, "c")))
    natural = row.answers["natural"]
    assert text(natural.prefix.ids) == "ab"
    assert text(natural.forced_end) == "|"
    assert natural.prefix.stop == "natural"
    assert text(row.answers["waits=1"].prefix.ids) == "abWc"


def test_marker_at_the_very_first_token():
    _, row = run(sweep(max_think=[0, 2], waits=[1]), partial(passes, thoughts=("", "x")))
    assert text(row.answers["natural"].prefix.ids) == ""
    assert row.answers["max=0"].prefix.stop == "natural"
    assert not row.answers["natural"].prefix.censored
    assert text(row.answers["waits=1"].prefix.ids) == "Wx"


def test_marker_of_several_tokens_is_not_thinking():
    def script(so_far):
        thinking = so_far.removeprefix(PROMPT)
        if "</t>" in thinking:
            return ("X" + EOS)[len(thinking.split("</t>")[1].removeprefix("=")) :]
        return "ab<c</t>"[len(thinking) :]

    engine, row = run(sweep(max_think=[2, 4, 5]), script, think_end=(ids("</t>"),))
    assert text(row.answers["natural"].prefix.ids) == "ab<c"
    assert text(row.answers["max=2"].forced_end) == "\n</t>="
    assert row.answers["max=4"].prefix.stop == "natural"
    assert row.answers["natural"].new_tokens == 8 + 2
    assert engine.sampled == sum(a.new_tokens for a in row.answers.values())


def test_the_context_cuts_and_says_so():
    # room: 20 of context, 3 of prompt, 3 forced, 5 for the answer = 9
    _, row = run(sweep(max_think=[4, 50]), partial(passes, thoughts=("a" * 50,)), context=20)
    natural = row.answers["natural"]
    assert (natural.prefix.length, natural.prefix.stop) == (9, "context")
    assert natural.prefix.censored
    assert text(natural.forced_end) == "\n|="
    assert row.answers["max=4"].prefix.stop == "budget"
    assert row.answers["max=50"].prefix.stop == "context"


def test_a_continuation_that_fills_the_context_is_cut():
    conditions = sweep(waits=[1])
    _, row = run(conditions, context=17, continuations={"Wait": ids("Wait, no")})  # room 6
    prefix = row.answers["waits=1"].prefix
    assert (text(prefix.ids), prefix.stop) == ("abcdWa", "context")
    assert (prefix.count("sampled"), prefix.count("injected")) == (4, 2)
    assert not prefix.censored


def test_an_answer_cut_by_its_limit_is_labelled():
    _, row = run({"natural": NATURAL}, partial(passes, answer="too long"))
    assert ledger(row.answers["natural"])["answer_stop"] == "limit"
    assert row.answers["natural"].completion.sampled == 5


# Models without markers of thinking: a turn that they end is their whole response.

ENDED = partial(passes, thoughts=("ab" + EOS, "cd" + EOS))


def test_a_turn_that_the_model_ends_is_its_whole_response():
    engine, row = run(sweep(max_think=[1, 9], waits=[1]), ENDED, whole_turn=True)
    natural = row.answers["natural"]
    assert text(natural.ids) == "ab" and natural.completion is None
    assert ledger(natural) == {
        "prompt_tokens": 3,
        "think_natural": 2,
        "think_injected": 0,
        "think_tokens": 2,
        "forced_end_tokens": 0,
        "answer_tokens": 0,
        "new_tokens": 3,  # a b $
        "alone_tokens": 3,
        "waits_done": 0,
        "stop": "natural",
        "answer_stop": "eos",
        "answer_from": "turn",
        "censored": False,
    }
    assert row.answers["max=9"].ids == natural.ids and row.answers["max=9"].new_tokens == 0
    # A budget cuts and asks; a wait drops the end of the turn and thinks on, to the next.
    cut, waited = row.answers["max=1"], row.answers["waits=1"]
    assert (cut.answer_from, text(cut.forced_end), text(cut.ids)) == ("answer", "\n|=", "X")
    assert (waited.answer_from, text(waited.ids)) == ("turn", "abWcd")
    assert [text(request.prompt) for request in engine.asked] == [
        PROMPT, PROMPT + "abW", PROMPT + "a\n|=",
    ]  # fmt: skip
    assert engine.sampled == sum(answer.new_tokens for answer in row.answers.values())


def test_where_every_turn_was_ended_nothing_is_asked():
    engine, row = run(sweep(max_think=[5]), ENDED, whole_turn=True)
    assert {answer.answer_from for answer in row.answers.values()} == {"turn"}
    assert len(engine.asked) == 1 and engine.sampled == 3


def test_an_answer_line_of_its_own_still_ends_thinking():
    _, row = run({"natural": NATURAL}, whole_turn=True)
    answer = row.answers["natural"]
    assert (answer.answer_from, text(answer.prefix.ids), text(answer.ids)) == (
        "answer",
        "abcd",
        "X",
    )


# Thinking switched off, and cut without a question.


def test_without_thinking_the_answer_is_asked_on_a_prompt_of_its_own():
    engine, row = run(sweep(max_think=[0], no_think=True))
    answer = row.answers["no_think"]
    [asked] = (request for request in engine.asked if text(request.prompt) == UNTHINKING)
    assert (asked.max_new, asked.stops, asked.position) == (5, (), 0)
    assert text(answer.ids) == "X"
    assert ledger(answer) == {
        "prompt_tokens": 4,
        "think_natural": 0,
        "think_injected": 0,
        "think_tokens": 0,
        "forced_end_tokens": 0,
        "answer_tokens": 2,
        "new_tokens": 2,
        "alone_tokens": 2,
        "waits_done": 0,
        "stop": "natural",
        "answer_stop": "eos",
        "answer_from": "answer",
        "censored": False,
    }
    assert text(row.answers["max=0"].prompt) == PROMPT


@pytest.mark.parametrize(
    ("whole_turn", "limit", "told"),
    [
        (False, 3, ("abc", "", "none", "budget", "limit", True)),
        (True, 3, ("abc", "abc", "turn", "budget", "limit", True)),
        (False, 4, ("abcd", "X", "answer", "natural", "eos", False)),  # ended, spent: not cut
        (True, 90, ("abcd", "X", "answer", "natural", "eos", False)),
    ],
)
def test_truncation_asks_nothing_and_costs_nothing(whole_turn, limit, told):
    engine, row = run(sweep(truncate=[limit]), whole_turn=whole_turn)
    answer = row.answers[f"truncate={limit}"]
    counts = ledger(answer)
    labels = tuple(counts[k] for k in ("answer_from", "stop", "answer_stop", "censored"))
    assert (text(answer.prefix.ids), text(answer.ids), *labels) == told
    assert (answer.forced_end, answer.new_tokens) == ((), 0)
    assert answer.alone_tokens == (3 if limit == 3 else 7)
    assert counts["answer_tokens"] == (0 if limit == 3 else 2)
    assert engine.sampled == 7  # what is natural: abcd | X $


def test_what_the_context_cuts_is_not_asked_either_where_it_is_truncated():
    script = partial(passes, thoughts=("a" * 50,))
    _, row = run(sweep(truncate=[4, 50]), script, context=20)  # room 9
    told = {
        name: (a.prefix.length, a.prefix.stop, a.answer_from) for name, a in row.answers.items()
    }
    assert told["natural"] == (9, "context", "answer")
    assert told["truncate=50"] == (9, "context", "none")
    assert told["truncate=4"] == (4, "budget", "none")


thought = st.text("abc\n$", max_size=6)


@given(
    st.lists(thought, min_size=1, max_size=4),
    st.lists(st.integers(0, 30), unique=True),
    st.booleans(),
)
def test_laws_of_the_chain(thoughts, budgets, whole_turn):
    """Sampled tokens are charged once; prefixes are nested; each condition alone agrees."""
    budgets = sorted(budgets)
    limits = {"max_think": budgets, "truncate": budgets[::2]}
    conditions = sweep(**limits, min_think=[3, 9], waits=[1, 3], no_think=True)
    script = partial(passes, thoughts=tuple(thoughts))
    engine, row = run(conditions, script, context=60, whole_turn=whole_turn)
    _only_what_is_said_without_being_asked(row, whole_turn)
    assert engine.sampled == sum(answer.new_tokens for answer in row.answers.values())
    for smaller, larger in pairwise(budgets):
        short, long = (row.answers[f"max={b}"] for b in (smaller, larger))
        assert long.prefix.ids[: short.prefix.length] == short.prefix.ids
        assert short.prefix.length <= long.prefix.length
    for name, condition in conditions.items():
        answer = row.answers[name]
        assert answer.prefix.count("sampled") + answer.prefix.count("injected") == len(
            answer.prefix.ids
        )
        _, alone = run({name: condition}, script, context=60, whole_turn=whole_turn)
        assert alone.answers[name].prefix.ids == answer.prefix.ids
        assert alone.answers[name].completion == answer.completion
        assert alone.answers[name].alone_tokens == answer.alone_tokens


def _only_what_is_said_without_being_asked(row, whole_turn):
    """A response is a whole turn where the model ended it or nothing was asked; else an answer."""
    for name, answer in row.answers.items():
        ended = answer.prefix.end is not None and answer.prefix.end.by_eos
        unasked = name.startswith("truncate") and answer.prefix.stop != "natural"
        whole = "turn" if whole_turn and (ended or unasked) else "none" if unasked else "answer"
        assert answer.answer_from == whole
        assert (answer.completion is None) == (whole != "answer")
        if name.startswith("truncate="):
            limit = name.removeprefix("truncate=")
            assert answer.new_tokens == 0
            if f"max={limit}" in row.answers:
                assert answer.prefix == row.answers[f"max={limit}"].prefix


def test_rows_are_driven_side_by_side_and_refilled():
    engine = Scripted(passes)
    rows = ((n, respond(ids(PROMPT), b"key", sweep(waits=[1]), forcing(), 1000)) for n in range(7))
    results = dict(drive(rows, engine, in_flight=3))
    assert sorted(results) == list(range(7))
    assert {seen(result.answers["waits=1"]) for result in results.values()} == {"abcdWef"}


def within(maximum, **limits) -> Condition:
    return Condition(max_think=maximum, continuation="Wait", **limits)


@pytest.mark.parametrize(
    ("maximum", "thought", "stop", "waits", "forced"),
    [
        (6, "abcdWe", "budget", 1, "\n|="),  # the minimum is not reached: the maximum is first
        (7, "abcdWef", "budget", 1, "\n|="),  # made to go on, and spent
        (8, "abcdWefW", "budget", 2, "\n|="),
        (9, "abcdWefWg", "budget", 2, "\n|="),
        (10, "abcdWefWg", "natural", 2, ""),
        (50, "abcdWefWg", "natural", 2, ""),
    ],
)
def test_minimum_within_a_maximum(maximum, thought, stop, waits, forced):
    conditions = {"natural": NATURAL, "both": within(maximum, min_think=8)}
    engine, row = run(conditions)
    prefix = row.answers["both"].prefix
    assert (text(prefix.ids), prefix.stop, prefix.waits_done) == (thought, stop, waits)
    assert text(row.answers["both"].forced_end) == forced
    assert not prefix.censored  # natural thinking was not cut
    assert engine.sampled == sum(answer.new_tokens for answer in row.answers.values())


def test_a_maximum_below_the_natural_end_makes_the_minimum_moot():
    _, row = run({"natural": NATURAL, "max=3": Condition(3), "both": within(3, min_think=2)})
    assert row.answers["both"].prefix.ids == row.answers["max=3"].prefix.ids
    assert row.answers["both"].prefix.censored
    assert row.answers["both"].new_tokens == 0  # it shares the answer, too


def test_what_is_put_in_may_take_all_that_is_left():
    conditions = {"natural": NATURAL, "both": within(5, waits=2)}
    continuations = {"Wait": ids("Wait, no")}
    engine, row = run(conditions, continuations=continuations)
    both = row.answers["both"]
    assert text(both.prefix.ids) == "abcdW"  # one token of the maximum was left
    assert [text(request.prompt) for request in engine.asked] == [
        PROMPT,  # thought once; nothing is sampled behind "W"
        PROMPT + "abcd|",
        PROMPT + "abcdW\n|=",
    ]
    assert ledger(both) == {
        "prompt_tokens": 3,
        "think_natural": 4,
        "think_injected": 1,
        "think_tokens": 5,
        "forced_end_tokens": 3,
        "answer_tokens": 2,
        "new_tokens": 2,  # X $
        "alone_tokens": 5 + 2,  # a b c d | and X $
        "waits_done": 1,
        "stop": "budget",
        "answer_stop": "eos",
        "answer_from": "answer",
        "censored": False,
    }
    assert [segment.kind for segment in row.chains[0].segments] == ["sampled", "injected"]
    assert engine.sampled == 7 + 2


def test_thinking_made_to_go_on_stops_at_the_largest_maximum_that_asks_for_it():
    conditions = {"natural": NATURAL, "7": within(7, waits=1), "8": within(8, waits=2)}
    engine, row = run(conditions, partial(passes, thoughts=("abcd", "e" * 90)))
    assert text(engine.asked[1].prompt) == PROMPT + "abcdW"
    assert engine.asked[1].max_new == 3
    assert len(row.chains[0].ids) == 8
    assert [row.answers[name].prefix.length for name in ("7", "8")] == [7, 8]
    assert engine.sampled == sum(answer.new_tokens for answer in row.answers.values())


def test_a_long_marker_that_begins_within_the_maximum_ends_thinking():
    """A marker of three tokens, begun one token before the maximum, is known two behind it."""
    marker = ids("|||")

    def script(so_far):
        thinking = so_far.removeprefix(PROMPT)
        if "|||" in thinking:
            return "X" + EOS if thinking.endswith("|||") else EOS
        return ("abcd|||" if "W" not in thinking else "abcdWef|||")[len(thinking) :]

    conditions = {"natural": NATURAL, **{str(b): within(b, waits=1) for b in (6, 7, 8)}}
    _, row = run(conditions, script, think_end=(marker,))
    stops = {name: row.answers[name].prefix.stop for name in ("6", "7", "8")}
    assert stops == {"6": "budget", "7": "budget", "8": "natural"}
    assert text(row.answers["8"].prefix.ids) == "abcdWef"
    for name in ("6", "7", "8"):
        engine, alone = run(
            {"natural": NATURAL, name: conditions[name]}, script, think_end=(marker,)
        )
        assert alone.answers[name].prefix.ids == row.answers[name].prefix.ids
        assert alone.answers[name].prefix.stop == row.answers[name].prefix.stop
        assert alone.answers[name].alone_tokens == row.answers[name].alone_tokens
        assert engine.sampled == sum(a.new_tokens for a in alone.answers.values())


def test_a_maximum_beyond_the_context_changes_nothing():
    conditions = {
        "natural": NATURAL,
        "both": within(500, waits=1),
        "waits": Condition(None, None, 1, "Wait"),
    }
    _, row = run(conditions, partial(passes, thoughts=("abcd", "e" * 90)), context=20)  # room 9
    assert row.answers["both"].prefix.stop == "context"
    assert text(row.answers["both"].prefix.ids) == "abcdWeeee"
    assert row.answers["both"].new_tokens == 4 + 2
    assert row.answers["waits"].new_tokens == 0


DRAWS = {"drawn": (ids("W"), ids("Hm"), ()), "continuations": {}}


def drawn(swap: int, key: bytes = b"key", choices: int = 3) -> int:
    made = forcing(drawn=tuple((n,) for n in range(choices)), continuations={})
    return made.continuation(DRAWN, key, swap)[0]


def test_drawn_continuations_are_the_rows_own_and_shared_by_its_conditions():
    conditions = sweep(waits=[1, 2, 3, 4], continuation_choice="drawn")
    script = partial(passes, thoughts=("ab",))  # passes() sees W and H as continuations
    _, row = run(conditions, script, **DRAWS)
    segments = row.chains[0].segments
    put_in = [segment.ids for segment in segments if segment.kind == "injected"]
    assert put_in == [DRAWS["drawn"][drawn(swap)] for swap in range(4)]
    assert row.chains[0].continuation == "(drawn)"
    for count in (1, 2, 3, 4):
        shorter = row.answers[f"waits={count}"].prefix.ids
        assert row.answers["waits=4"].prefix.ids[: len(shorter)] == shorter


def test_draws_are_uniform_and_depend_on_the_row_and_the_swap():
    rows = [noise_key(1, f"item {n}", sample) for n in range(300) for sample in range(2)]
    counts = [
        [drawn(swap, row) for row in rows].count(choice) for swap in (0, 1) for choice in range(3)
    ]
    # 600 draws of 3: mean 200, standard deviation 11.5
    assert all(150 < count < 250 for count in counts)
    both = [(drawn(0, row), drawn(1, row)) for row in rows]
    assert min(both.count(pair) for pair in set(both)) > 35 and len(set(both)) == 9
    assert [drawn(0, row) for row in rows] == [drawn(0, row) for row in rows]
    assert drawn(0, rows[0], choices=1) == 0


combinations = st.lists(st.tuples(st.integers(1, 25), st.integers(1, 3)), max_size=3, unique=True)
minima = st.lists(
    st.tuples(st.integers(1, 25), st.integers(1, 25)).filter(lambda pair: pair[0] <= pair[1]),
    max_size=3,
    unique=True,
)
pieces = st.sampled_from(["W", "H", "", "WW", "Hm, so"])
markers = st.sampled_from([("|",), ("||",), ("||", "|/|")])


@given(
    st.lists(thought, min_size=1, max_size=4),
    combinations,
    minima,
    st.sets(st.integers(0, 25), max_size=3),
    st.lists(pieces, min_size=1, max_size=3, unique=True),
    st.sampled_from(["each", "drawn"]),
    markers,
    st.sampled_from([26, 60]),
    st.booleans(),
)
def test_laws_of_sweeps_with_combinations(
    thoughts, within_waits, within_minimum, budgets, texts, choice, marker, context, whole_turn
):
    """Conservation, nested prefixes, compute that grows with the budget, alone = in the sweep."""

    def script(so_far):
        thinking = so_far.removeprefix(PROMPT)
        if any(end in thinking for end in marker):
            return "X" + EOS if not thinking.endswith("X") else EOS
        # What is thought depends on all that came before, and thinking ends after some tokens.
        here = thoughts[sum(map(ord, thinking[:-1])) % len(thoughts)]
        going = [
            end[len(part) :] for end in marker for part in [end[:1]] if thinking.endswith(part)
        ]
        return going[0] if going and going[0] else (here or marker[0])[0]

    conditions = sweep(
        max_think=sorted(budgets),
        waits=[2],
        continuations=texts,
        continuation_choice=choice,
        truncate=sorted(budgets),
        no_think=True,
        combine=[
            *({"waits": waits, "max_think": most} for most, waits in within_waits),
            *({"min_think": least, "max_think": most} for least, most in within_minimum),
        ],
    )
    names = {c.continuation for c in conditions.values()} - {None}
    given = {
        "think_end": tuple(map(ids, marker)),
        "continuations": dict(zip(sorted(names), map(ids, texts), strict=False)),
        "drawn": tuple(map(ids, texts)),
        "whole_turn": whole_turn,
    }
    engine, row = run(conditions, script, context=context, **given)
    answers = row.answers
    assert engine.sampled == sum(answer.new_tokens for answer in answers.values())
    _only_what_is_said_without_being_asked(row, whole_turn)

    for name, condition in conditions.items():
        answer = answers[name]
        thinking = answer.prefix.count("sampled") + answer.prefix.count("injected")
        assert thinking == answer.prefix.length == len(answer.prefix.ids)
        assert condition.max_think is None or thinking <= condition.max_think
        assert answer.new_tokens <= answer.alone_tokens
        counted, alone = run(
            {"natural": NATURAL, name: condition}, script, context=context, **given
        )
        assert alone.answers[name].prefix.ids == answer.prefix.ids
        assert alone.answers[name].prefix.stop == answer.prefix.stop
        assert alone.answers[name].prefix.waits_done == answer.prefix.waits_done
        assert alone.answers[name].completion == answer.completion
        assert alone.answers[name].alone_tokens == answer.alone_tokens
        assert counted.sampled == sum(a.new_tokens for a in alone.answers.values())

    def thought_alone(answer):
        return answer.alone_tokens - ledger(answer)["answer_tokens"]

    families = {}
    for name, condition in conditions.items():
        if condition.max_think is not None:
            rest = (condition.min_think, condition.waits, condition.continuation)
            families.setdefault(rest, []).append((condition.max_think, answers[name]))
    for family in families.values():
        for (_, small), (_, large) in pairwise(sorted(family, key=lambda pair: pair[0])):
            assert large.prefix.ids[: small.prefix.length] == small.prefix.ids
            assert thought_alone(small) <= thought_alone(large)
