"""Presets, token by token, with a real tokenizer: what opens thinking, what ends it, what it costs.

The model recites: it says the next token of the first plan that begins with what it has seen, and
fails where none does. So every id it is shown is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import families
from scripted import Scripted
from thinkscale.config.inference import Inference, Thinking
from thinkscale.config.presets.families import PRESETS
from thinkscale.engines.base import Completion, Ids, Request, split_at_end
from thinkscale.engines.drive import drive
from thinkscale.errors import ThinkscaleError
from thinkscale.grading import extract_choice
from thinkscale.jobs.inference import prompts_of
from thinkscale.thinking.budget import respond
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.prompts import (
    encode,
    encode_prompt,
    forcing,
    render,
    spellings,
)
from thinkscale.thinking.think import ledger

THINK, END, NEWLINE, EOS = 128821, 128822, 201, 1
ITEM = {
    "stem": "Which?",
    "options": [{"label": "A", "text": "this"}, {"label": "B", "text": "that"}],
}
OPTIONS = (("A", "this"), ("B", "that"))
WORDS = families.tokenizer()


@dataclass
class Reciting(Scripted):
    """`plans` are everything it may come to say or be shown behind the prompt."""

    plans: Sequence[Ids] = ()
    start: int = 0

    def _complete(self, request: Request) -> Completion:
        drawn: list[int] = []
        while len(drawn) < request.max_new:
            seen = (*request.prompt[self.start :], *drawn)
            plan = next((p for p in self.plans if p[: len(seen)] == seen and p != seen), None)
            assert plan, f"not planned: {WORDS.decode(seen)!r} {seen}"
            drawn.append(plan[len(seen)])
            self.sampled += 1
            if done := split_at_end(drawn, request.stops, frozenset({EOS})):
                return done
        return Completion(tuple(drawn), (), "length")


def text_of(preset: str, closed: bool = False, **keys) -> str:
    """The rendered prompt of the item under a preset, which opens thinking or switches it off."""
    settings = Inference(thinking={"preset": preset, **keys})
    bank = pd.DataFrame([{"item_id": "i", **ITEM}])
    return prompts_of(families.tokenizer(preset), bank, settings, off=closed)["i"]


def run(preset, plans, words=WORDS, context=5000, max_answer=8, off=(), **swept):
    """Answer under `sweep(**swept)`; plans are texts after the prompt, or ids.

    off: what is behind the prompt where thinking is switched off.
    """
    thinking = Thinking(preset=preset)
    prompt = encode_prompt(words, text_of(preset))
    plans = [(*encode(words, p), EOS) if isinstance(p, str) else p for p in plans]
    engine = Reciting(None, plans=plans, start=len(prompt))
    made = forcing(
        words,
        end=thinking.end,
        answer_prompt=thinking.answer_prompt,
        continuations=swept.get("continuations", ["Wait"]),
        max_answer=max_answer,
        max_swaps=4,
        whole_turn=thinking.turn_end == "response",
    )
    conditions = sweep(**swept)
    asking = respond(prompt, b"key", conditions, made, context, unthinking=(*prompt, *off))
    [(_, row)] = drive([(0, asking)], engine, 1)
    assert engine.sampled == sum(answer.new_tokens for answer in row.answers.values())
    return row


def counts(row, name: str, *columns: str) -> tuple:
    told = ledger(row.answers[name])
    return tuple(told[column] for column in columns)


FORCED = ("think_tokens", "think_injected", "forced_end_tokens", "answer_tokens")


def test_the_tokenizer_is_the_one_this_file_is_about():
    assert encode(WORDS, "<think></think>\n") == (THINK, END, NEWLINE)
    assert WORDS.eos_token_id == EOS


@pytest.mark.parametrize(
    ("preset", "ending"),
    [
        ("deepseek-r1", "<｜Assistant｜><think>\n"),
        ("qwen3", "<|im_start|>assistant\n<think>\n"),
        ("s1", "<|im_start|>assistant\n<|im_start|>think"),
        ("instruct", "assistant<|end_header_id|>\n\nLet's think step by step."),
    ],
)
def test_prompts_end_inside_thinking(preset, ending):
    text = text_of(preset)
    assert text.endswith(ending)
    assert text.count(PRESETS[preset].start) == 1
    assert "End with the line `Answer: ` and its letter." in text  # what `instruct` relies on


@pytest.mark.parametrize("preset", PRESETS)
def test_one_bos_where_the_family_has_one(preset):
    ids = encode_prompt(families.tokenizer(preset), text_of(preset))
    assert ids.count(WORDS.bos_token_id) == (preset in ("deepseek-r1", "instruct"))
    assert WORDS.bos_token_id not in ids[1:]


@pytest.mark.parametrize(
    ("preset", "ending"),
    [
        ("deepseek-r1", "<｜Assistant｜><think>\n\n</think>\n\n"),
        ("qwen3", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        ("s1", "<|im_start|>assistant\n<|im_start|>answer"),
        ("instruct", "assistant<|end_header_id|>\n\nAnswer:"),
    ],
)
def test_thinking_is_switched_off_as_the_family_does_it(preset, ending):
    on, off = text_of(preset), text_of(preset, closed=True)
    opening = PRESETS[preset].start
    assert off.endswith(ending) and off.count(opening.rstrip()) == ending.count(opening.rstrip())
    begun = on.removesuffix(opening)
    assert off.startswith(begun) and begun + ending[ending.index(off[len(begun) :]) :] == off


def test_a_family_of_ones_own_is_switched_off_by_an_empty_thought_or_as_it_says():
    assert Thinking(start="<t>\n", end=["</t>", "</a>"]).closed == "<t>\n\n</t>\n\n"
    own = {"off": "<t>\nDone.</t>\n", "template_options": {"x": 1}, "off_options": {"x": 0}}
    off = text_of("deepseek-r1", closed=True, **own)
    assert off.endswith("<｜Assistant｜><t>\nDone.</t>\n")


def test_a_thought_that_the_template_closes_is_not_opened_again():
    off = Inference(thinking={"template_options": {"enable_thinking": False}})
    bank = pd.DataFrame([{"item_id": "i", **ITEM}])
    with pytest.raises(ThinkscaleError, match=r"{'enable_thinking': False}.*no_think: true"):
        prompts_of(families.tokenizer("qwen3"), bank, off)
    # Steps asked for in plain words need no open thought.
    steps = text_of("instruct", template_options={"enable_thinking": False})
    assert steps.endswith("Let's think step by step.")


def test_qwen3_answers_behind_its_closed_thought():
    closing = encode(WORDS, "\n</think>\n\n")
    row = run("qwen3", ["So.</think>B", (*closing, *LAST)], off=closing, no_think=True)
    answer = row.answers["no_think"]
    assert answer.ids == LAST[:-1]
    expected = (0, 0, 0, len(LAST), len(LAST), len(row.prompt) + len(closing), "natural")
    assert counts(row, "no_think", *FORCED, "new_tokens", "prompt_tokens", "stop") == expected


def test_the_switch_of_the_template():
    on = text_of("qwen3")
    assert on == text_of("qwen3", template_options={"enable_thinking": True})
    assert text_of("qwen3", closed=True) == on.removesuffix("<think>\n") + "<think>\n\n</think>\n\n"


def test_thinking_of_examples_is_left_to_the_template():
    shown = [{"user": "Q?", "assistant": "<think>\nhm\n</think>\nAnswer: A"}]
    text = render(families.tokenizer("deepseek-r1"), "Which?", examples=shown)
    said = "<｜User｜>Q?<｜Assistant｜>\nAnswer: A<｜end▁of▁sentence｜>"
    assert text == families.BOS + said + "<｜User｜>Which?<｜Assistant｜><think>\n"


# Every preset end to end: natural, cut, and made to go on.

CASES = {
    "deepseek-r1": ("It is that.\n", "</think>", "\n\nAnswer: B", "\n\nFinal Answer:"),
    "qwen3": ("It is that.\n", "</think>", "\n\nAnswer: B", "\n\nFinal Answer:"),
    "s1": ("\nIt is that.\n", "<|im_start|>answer", "\nAnswer: B", "\nFinal Answer:"),
    "instruct": (" It is that.\n\n", "Answer:", " B", ""),
}


@pytest.mark.parametrize("preset", CASES)
def test_each_preset_token_by_token(preset):
    thought, marker, answer, asked = CASES[preset]
    own_marker, put_in = encode(WORDS, marker), encode(WORDS, PRESETS[preset].end[0])
    natural = encode(WORDS, thought)
    first = natural[:2]
    newline = () if preset == "instruct" else (NEWLINE,)
    forced = (*newline, *put_in, *encode(WORDS, asked))
    reply, more = (*encode(WORDS, answer), EOS), encode(WORDS, " no, yes.\n")
    wait = encode(WORDS, "Wait")
    plans = [
        (*natural, *own_marker, *reply),
        (*first, *forced, *encode(WORDS, " B"), EOS),
        (*natural, *wait, *more, *own_marker, *reply),
    ]
    row = run(preset, plans, max_think=[2, 500], waits=[1])
    answers = row.answers

    assert answers["natural"].prefix.ids == natural  # no token of the marker among them
    assert answers["natural"].prefix.end.end_ids == own_marker
    assert answers["natural"].completion.ids == reply[:-1]
    assert counts(row, "natural", *FORCED) == (len(natural), 0, 0, len(reply))
    assert counts(row, "natural", "new_tokens") == (len(natural) + len(own_marker) + len(reply),)

    assert answers["max=2"].forced_end == forced
    assert answers["max=2"].prefix.ids == first
    assert counts(row, "max=2", *FORCED, "new_tokens") == (2, 0, len(forced), 2, 2)
    assert counts(row, "max=500", "new_tokens", "stop") == (0, "natural")

    assert answers["waits=1"].prefix.ids == (*natural, *wait, *more)
    length = len(natural) + len(wait) + len(more)
    assert counts(row, "waits=1", *FORCED) == (length, len(wait), 0, len(reply))
    assert counts(row, "waits=1", "new_tokens") == (len(more) + len(own_marker) + len(reply),)

    for name in ("natural", "max=2", "waits=1"):
        said = WORDS.decode(answers[name].completion.ids)
        given = asked if answers[name].prefix.stop != "natural" else ""
        assert extract_choice(given + said, OPTIONS).label == "B"


def test_s1_with_its_own_special_tokens_has_a_marker_of_two():
    words = families.tokenizer("s1", specials=("<|im_start|>", "<|im_end|>"))
    opening = words.convert_tokens_to_ids("<|im_start|>")
    assert spellings(words, PRESETS["s1"].end) == ((opening, *encode(words, "answer")),)
    prompt = encode_prompt(words, text_of("s1"))
    assert prompt[-2:] == (opening, *encode(words, "think"))
    # Half a marker is thinking: another `<|im_start|>` does not end it.
    thought = (NEWLINE, opening, *encode(words, "step"))
    reply = (*encode(words, "\nFinal Answer: B"), EOS)
    plan = (*thought, opening, *encode(words, "answer"), *reply)
    row = run("s1", [plan], words=words)
    assert row.answers["natural"].prefix.ids == thought
    assert row.answers["natural"].completion.ids == reply[:-1]


# Edges, with DeepSeek-R1's tokens.

ANSWER = (*encode(WORDS, "\n\nB"), EOS)
ASKED = encode(WORDS, "\n\nFinal Answer:")
LAST = (*encode(WORDS, " B"), EOS)


def thought(text: str) -> Ids:
    return encode(WORDS, text)


def test_end_of_turn_inside_thinking():
    plans = [(*thought("Hm."), EOS), (*thought("Hm."), END, *ANSWER)]
    row = run("deepseek-r1", plans)
    answer = row.answers["natural"]
    assert (answer.prefix.ids, answer.forced_end) == (thought("Hm."), (END,))
    assert answer.prefix.end.by_eos
    expected = (3, 0, 1, len(ANSWER), 4 + len(ANSWER), "natural", False)
    assert counts(row, "natural", *FORCED, "new_tokens", "stop", "censored") == expected


def test_marker_at_the_very_first_token_and_a_budget_of_nothing():
    row = run("deepseek-r1", [(END, *ANSWER)], max_think=[0])
    for name, new in (("natural", 1 + len(ANSWER)), ("max=0", 0)):
        assert row.answers[name].prefix.ids == ()
        assert counts(row, name, *FORCED, "new_tokens") == (0, 0, 0, len(ANSWER), new)
        assert counts(row, name, "stop", "censored") == ("natural", False)


def test_a_budget_of_nothing_where_there_would_be_thought():
    plans = [(*thought("Hm."), END, *ANSWER), (END, *ASKED, *LAST)]
    row = run("deepseek-r1", plans, max_think=[0])
    # The prompt ends in "<think>\n": no newline is put in.
    assert row.answers["max=0"].forced_end == (END, *ASKED)
    expected = (0, 0, 1 + len(ASKED), len(LAST), len(LAST), "budget", True)
    assert counts(row, "max=0", *FORCED, "new_tokens", "stop", "censored") == expected


def test_a_budget_larger_than_the_context():
    prompt = len(encode_prompt(WORDS, text_of("deepseek-r1")))
    context = prompt + 3 + (1 + 1 + len(ASKED)) + 8  # room for three tokens of thought
    long = thought("Hm, so that one it is, or not.")
    plans = [(*long, END, *ANSWER), (*long[:3], NEWLINE, END, *ASKED, *LAST)]
    row = run("deepseek-r1", plans, context=context, max_think=[900], waits=[1])
    for name, new in (("natural", 3 + len(LAST)), ("max=900", 0), ("waits=1", 0)):
        assert row.answers[name].prefix.ids == long[:3]
        assert row.answers[name].forced_end == (NEWLINE, END, *ASKED)
        expected = (3, 0, 2 + len(ASKED), len(LAST), new, "context", True)
        assert counts(row, name, *FORCED, "new_tokens", "stop", "censored") == expected


def test_a_continuation_that_pushes_past_the_maximum():
    natural, sentence = thought("Hm."), "Wait, let me check."
    left = (*natural, encode(WORDS, sentence)[0])
    plans = [(*natural, END, *ANSWER), (*left, NEWLINE, END, *ASKED, *LAST)]
    combined = [{"waits": 1, "max_think": len(natural) + 1}]
    row = run("deepseek-r1", plans, combine=combined, continuations=[sentence])
    name = f"waits=1;max={len(natural) + 1}"
    assert row.answers[name].prefix.ids == left
    expected = (len(left), 1, 2 + len(ASKED), len(LAST), len(LAST), "budget", False)
    assert counts(row, name, *FORCED, "new_tokens", "stop", "censored") == expected


# Markers in running text.

LINES = [
    "\nAnswer: B",
    "\n\nAnswer: B",
    " Answer: B",
    "\n**Answer:** B",
    "\n\n**Answer**: B",
    "\n**Answer: B**",
    " **Answer:** B",
    "\nFinal Answer: B",
    " Final Answer: B",
    "\n\n**Final Answer:** B",
    "\n\n**Final Answer**: B",
    "\nAnswer:\nB",
    "\nAnswer:\n\nB",
    "\n\n**Answer:**\nB",
    "\n\n**Final Answer:**\n\nB",
    "\n**Answer**:\nB",
    "\n- Answer: B",
    "\n\n### Answer:\n\nB",
]


@pytest.mark.parametrize("line", LINES)
def test_answer_lines_of_every_shape_end_thinking(line):
    row = run("instruct", [f" First this, then that: I say B.{line}"])
    answer = row.answers["natural"]
    before, said = (WORDS.decode(i) for i in (answer.prefix.ids, answer.completion.ids))
    assert answer.completion.stop == "eos"
    assert not answer.prefix.end.by_eos
    # Nothing of the line's words is left in thinking, and nothing but its answer behind.
    assert before.startswith(" First this, then that: I say B.")
    assert "nswer" not in before and "Final" not in before
    assert before.removeprefix(" First this, then that: I say B.").strip() in ("", "-", "###")
    assert said.strip(" \n*") == "B"
    assert extract_choice(said, OPTIONS).label == "B"


def test_the_longest_marker_wins():
    markers = spellings(WORDS, PRESETS["instruct"].end)
    ids = encode(WORDS, "So.\n\n**Final Answer:")
    done = split_at_end(ids, markers, frozenset())
    assert WORDS.decode(done.end_ids) == "**Final Answer:"
    assert encode(WORDS, " Answer:") in markers  # which the same tokens end with


def test_a_model_that_ends_its_turn_without_an_answer_line_has_answered():
    said, wait = encode(WORDS, " It is B."), encode(WORDS, "Wait")
    more = encode(WORDS, " no. The answer is A.")
    plans = [(*said, EOS), (*said, *wait, *more, EOS), " It\nAnswer: B"]
    row = run("instruct", plans, max_think=[1], truncate=[1], waits=[1])
    answer = row.answers["natural"]
    assert (answer.ids, answer.forced_end) == (said, ())
    told = ("answer_from", "answer_stop", "stop", *FORCED, "new_tokens")
    expected = ("turn", "eos", "natural", len(said), 0, 0, 0, len(said) + 1)
    assert counts(row, "natural", *told) == expected
    waited = row.answers["waits=1"]
    assert extract_choice(WORDS.decode(waited.ids), OPTIONS).label == "A"
    assert counts(row, "waits=1", *told[:3]) == ("turn", "eos", "natural")
    assert row.answers["max=1"].forced_end == encode(WORDS, "\nAnswer:")
    assert counts(row, "max=1", *told[:3]) == ("answer", "eos", "budget")
    assert WORDS.decode(row.answers["truncate=1"].ids) == " It"
    assert counts(row, "truncate=1", *told[:3]) == ("turn", "limit", "budget")


def test_what_is_put_in_at_a_budget_reads_as_the_model_would_write_it():
    row = run("instruct", [" It is B.\nAnswer: B", " It is\nAnswer: B"], max_think=[2])
    forced = row.answers["max=2"]
    assert forced.forced_end == encode(WORDS, "\nAnswer:")
    seen = (*forced.prefix.ids, *forced.forced_end)
    assert seen == encode(WORDS, WORDS.decode(seen))


def test_one_marker_has_one_spelling_where_it_is_a_token_of_its_own():
    assert spellings(WORDS, ["</think>"]) == ((END,),)
    made = forcing(
        WORDS, end=["</think>"], answer_prompt="", continuations=[], max_answer=1, max_swaps=1
    )
    assert made.think_end == ((END,),)
    assert made.newline == (NEWLINE,)


def test_no_spelling_hides_behind_a_shorter_one():
    for preset in PRESETS.values():
        made = spellings(WORDS, preset.end)
        assert made[0] == encode(WORDS, preset.end[0])
        assert len(set(made)) == len(made)
        for marker in made[1:]:
            assert not any(marker[: len(m)] == m for m in made if m != marker)


def test_tokenizers_that_put_a_space_before_the_first_word():
    """SentencePiece writes "Answer:" with a space of its own, but not behind a newline."""
    vocabulary = {w: i for i, w in enumerate(["▁", "▁so", "▁Answer", "Answer", ":", ".", "\n"])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="▁"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="first", split=True),
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Split(":", "isolated"),
            pre_tokenizers.Split(".", "isolated"),
        ]
    )
    backend.decoder = decoders.Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=backend)
    alone, behind = encode(made, "Answer:"), encode(made, "so.\nAnswer:")[-2:]
    assert alone == (vocabulary["▁Answer"], vocabulary[":"])
    assert behind == (vocabulary["Answer"], vocabulary[":"])
    assert spellings(made, ["Answer:"]) == (alone, behind)


def test_presets_are_what_the_configuration_offers():
    offered = Thinking.model_json_schema()["properties"]["preset"]["anyOf"][0]["enum"]
    assert offered == list(PRESETS)
    default = Thinking().model_dump(exclude={"preset", "step_end"})
    assert default == PRESETS["deepseek-r1"].values()
