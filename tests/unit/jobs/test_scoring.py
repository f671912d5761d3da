"""Scorers of a study about one model: which they are, what they read and what it costs."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, LlamaConfig

import tiny
from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.strategies import Scorer, Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.scoring import parameters
from thinkscale.jobs.searching import search_items
from thinkscale.models.registry import register
from thinkscale.thinking.judged_text import JudgedText, encode_judged
from thinkscale.thinking.prompts import user_message

REASONER = Path(__file__).parents[3] / "resources/calibration/reasoner"
SETTINGS = Inference(
    dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8, batch_size=8,
    prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
    thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"},
)  # fmt: skip
WINDOW = 100
TEXT = {"before": "\n", "behind": "\n", "pieces": True}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A random reward model whose tokens are bytes; the longest thoughts do not fit it."""
    directory, words = tmp_path_factory.mktemp("judge"), tiny.tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=WINDOW, num_labels=1,
        initializer_range=0.3,
    )  # fmt: skip
    AutoModelForTokenClassification.from_config(config).save_pretrained(directory)
    words.save_pretrained(directory)
    return directory


def searched(tmp_path, judge, scorers, strategies, record=None):
    items = generate_bank(4, 3)
    prepared = prepare(
        register("reasoner", REASONER), items, SETTINGS, Conditions().model_dump(), seed=1
    )
    record = record or register("judge", judge)
    models = {s["name"]: (record, SETTINGS) for s in scorers if "model" in s}
    return items, search_items(
        prepared,
        items,
        [Strategy(**strategy).model_dump() for strategy in strategies],
        [Scorer(**scorer).model_dump(exclude={"model"}) for scorer in scorers],
        models,
        "\n",
        tmp_path / "journal" / "reasoner",
        0,
        1,
    )


def test_searches_by_what_is_read(judge, tmp_path):
    scorers = [
        {"name": "own", "kind": "likelihood"},
        {"name": "text", "kind": "prm", "model": {"name": "judge"}, "text": TEXT},
    ]
    strategies = [
        {"approach": "best_of_n", "n": [2], "scorer": "own"},
        {"approach": "best_of_n", "name": "by_text", "n": [2], "scorer": "text"},
        {"approach": "beam_search", "n": [2], "beam_width": 2, "scorer": "own"},
    ]
    items, (found, usage) = searched(tmp_path, judge, scorers, strategies)
    scores = found.scores.set_index(["item_id", "search", "candidate", "scorer", "step"])["score"]
    assert scores.dropna().between(0, 1).all()
    own = scores.xs("own", level="scorer")
    assert own.notna().all() and own.nunique() > 10
    spent = found.spent.set_index(["item_id", "search", "scorer"])
    assert (spent.xs("own", level="scorer")["scorer_parameters"] == parameters(REASONER)).all()
    assert (spent.xs("text", level="scorer")["scorer_parameters"] == parameters(judge)).all()
    # The text scorer's cost is in its own tokens, counted from the text of the steps.
    words, form = tiny.tokenizer(), JudgedText(**TEXT)
    candidates = found.candidates[found.candidates["search"] == "samples"]
    for item in items.to_dict("records"):
        question = user_message(item, "{stem}\n{options}", " {label}){text}", "")
        uncached, beginnings = 0, set()
        for row in candidates[candidates["item_id"] == item["item_id"]].itertuples():
            steps = row.think_text.splitlines(keepends=True)
            for end in range(1, len(steps) + 1):
                ids = encode_judged(words, question, steps[:end], form)
                value = scores[item["item_id"], "samples", row.candidate, "text", end - 1]
                fits = len(ids) <= WINDOW
                assert (value == value) == fits
                if not fits:
                    continue
                uncached += len(ids)
                beginnings |= {ids[:n] for n in range(1, len(ids) + 1)}
        bill = spent.loc[(item["item_id"], "samples", "text")]
        assert (bill["scored_uncached"], bill["scored"]) == (uncached, len(beginnings))
    # No token of theirs is run twice.
    assert usage["read"]["text"] == spent.xs("text", level="scorer")["scored_new"].sum()
    missing = scores.xs("text", level="scorer").isna().sum()
    assert usage["unread"] == {"text": missing} and missing > 0
    # A rerun reads and samples nothing: no weights are opened.
    gone = {**register("judge", judge), "files": {}}
    _, (again, second) = searched(tmp_path, judge, scorers, strategies, gone)
    assert again.scores.equals(found.scores) and second["usage"].fed == 0


def test_a_scorer_must_know_the_tokens_it_is_given(judge, tmp_path):
    scorer = {"name": "s", "kind": "prm", "model": {"name": "judge"}}
    wanted = [{"approach": "best_of_n", "n": [2], "scorer": "s"}]
    with pytest.raises(ThinkscaleError, match="scorer s: judge has another tokenizer than reason"):
        searched(tmp_path, judge, [scorer], wanted)
    words = {"right": "yes.", "wrong": "no."}
    with pytest.raises(ThinkscaleError, match=r"scorer s: 'yes\.' and 'no\.' end in the same"):
        searched(tmp_path, judge, [{**scorer, "text": words}], wanted)
