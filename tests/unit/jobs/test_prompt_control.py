"""Searches whose prompts name a length, about a model: how they are asked, paid for and counted."""

from dataclasses import replace
from pathlib import Path

import pytest

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.strategies import Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.choosing import choices
from thinkscale.jobs.inference import prepare, prompts_of
from thinkscale.jobs.searching import search_items
from thinkscale.models.registry import register
from thinkscale.thinking.prompts import Instruction, encode_prompt

REASONER = Path(__file__).parents[3] / "resources/calibration/reasoner"
SETTINGS = Inference(
    dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8, batch_size=8,
    prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
    thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"},
)  # fmt: skip
TOKENS, CLASS = "{message}\nTokens: {length}", "{message}\nLength: {length}"
ASKED = [
    {"approach": "token_conditional", "max_think": [1, 400], "samples": 3, "instruction": TOKENS},
    {"approach": "step_conditional", "num_steps": [1], "instruction": "Steps: {length}\n{message}"},
    {
        "approach": "class_conditional",
        "length_classes": {"short": 1, "long": None},
        "instruction": CLASS,
    },
    {"approach": "majority", "n": [1]},
]
STRATEGIES = [Strategy(**entry).model_dump() for entry in ASKED]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def items():
    return generate_bank(3, 3)


def prepared(items, **settings):
    record, conditions = register("reasoner", REASONER), Conditions().model_dump()
    return prepare(record, items, SETTINGS.model_copy(update=settings), conditions, seed=1)


def searched(prepared, items, directory):
    return search_items(prepared, items, STRATEGIES, [], {}, "\n", directory, 0, 1)


def test_lengths_are_asked_for_paid_for_and_compared_with_what_was_thought(items, tmp_path):
    model = prepared(items)
    found, usage = searched(model, items, tmp_path)
    for name in ("candidates", "scores", "spent"):
        contracts.write(getattr(found, name), tmp_path / f"{name}.parquet", name)
    made, _ = choices(
        found.candidates, found.scores, found.spent, items, STRATEGIES,
        grading={"graders": ["choice"], "choice": {}}, answer_prompts={"reasoner": "\n\nAnswer:"},
    )  # fmt: skip
    contracts.write(made, tmp_path / "searches.parquet", "searches")
    assert usage["usage"].sampled == made["sampled_new"].sum() == made["sampled"].sum()
    own = made.set_index(["approach", "n", "item_id"])
    assert (own.loc["token_conditional", "candidates"] == 3).all()
    # No thought of the reasoner is as short as one token or step, or as long as 400 tokens.
    assert (own.loc["token_conditional"].loc[1, "unmet"] == 1).all()
    assert (own.loc["token_conditional"].loc[400, "unmet"] == 0).all()
    assert (own.loc["step_conditional"].loc[1, "unmet"] == 1).all()
    of_classes = own.loc["class_conditional"]
    assert (of_classes.loc[1, "length_class"] == "short").all()
    assert (of_classes.loc[2, "length_class"] == "long").all()
    assert (of_classes.loc[1, "unmet"] == 1).all() and (of_classes.loc[2, "unmet"] == 0).all()
    # Each prompt is as long as what it says makes it.
    plain = prompts_of(model.checkpoint.tokenizer, items, SETTINGS)
    told = prompts_of(model.checkpoint.tokenizer, items, SETTINGS, told=Instruction(TOKENS, "400"))
    for item_id, text in told.items():
        longer = encode_prompt(model.checkpoint.tokenizer, text)
        assert own.loc[("token_conditional", 400, item_id), "prompt_tokens"] == len(longer)
        before = encode_prompt(model.checkpoint.tokenizer, plain[item_id])
        assert own.loc[("majority", 1, item_id), "prompt_tokens"] == len(before) < len(longer)
        assert "\nTokens: 400" in text


def test_a_template_that_leaves_the_length_out_is_named_before_anything_is_sampled(items, tmp_path):
    model = prepared(items)
    deaf = "{% for m in messages %}{{ m.content.split('\\nTokens')[0] }}{% endfor %}"
    model.checkpoint.tokenizer.chat_template = deaf
    with pytest.raises(ThinkscaleError, match=r"chat template leaves it out .* no 'Tokens: 1'"):
        searched(model, items, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_item_whose_told_prompt_does_not_fit_says_so_and_has_no_candidate(items, tmp_path):
    model = prepared(items)
    sizes = {i: len(p) for i, p in model.work.prompts.items()}
    longest = max(sizes, key=sizes.get)
    # Its prompt fits to the token, and what names a length is one too many.
    work, spare = model.work, model.work.forcing.room(0, ())
    model = replace(model, work=replace(work, context=sizes[longest] - spare))
    found, _ = searched(model, items, tmp_path)
    bills = found.spent.set_index("item_id")
    assert bills.loc[longest, "error"].str.contains("tokens leaves no room for an answer").all()
    assert len(bills.loc[longest]) == 6 and longest not in set(found.candidates["item_id"])
    contracts.write(found.spent, tmp_path / "spent.parquet", "spent")
