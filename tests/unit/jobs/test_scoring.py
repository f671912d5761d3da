"""Scorers of a study about one model: which they are, what they read and what it costs."""

import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from tokenizers import normalizers
from transformers import (
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    LlamaConfig,
)

import tiny
from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference, Prompt
from thinkscale.config.strategies import Scorer, Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.scoring import Part, open_scorers
from thinkscale.jobs.searching import search_items
from thinkscale.models.registry import register
from thinkscale.models.size import parameters
from thinkscale.thinking.judged_text import JudgedText, encode_judged
from thinkscale.thinking.prompts import encode, user_message
from thinkscale.thinking.readout import label_spellings

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
    exact = found.spent.groupby("scorer")["scorer_exact_tokens"].unique()
    assert exact.map(list).to_dict() == {"own": [True], "text": [False]}
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
    assert spent["scorer_exact_tokens"].groupby("scorer").first().to_dict() == {
        "own": True,
        "text": False,
    }
    # No token of theirs is run twice.
    assert usage["read"]["text"] == spent.xs("text", level="scorer")["scored_new"].sum()
    missing = scores.xs("text", level="scorer").isna().sum()
    assert usage["unread"] == {"text": missing} and missing > 0
    # A rerun reads and samples nothing: no weights are opened.
    gone = {**register("judge", judge), "files": {}}
    _, (again, second) = searched(tmp_path, judge, scorers, strategies, gone)
    assert again.scores.equals(found.scores) and second["usage"].fed == 0


@pytest.fixture(scope="module")
def asked_judge(tmp_path_factory):
    """A random language model whose tokens are bytes; the longest questions do not fit it."""
    return tiny.save(tmp_path_factory.mktemp("asked"), "llama", window=150)


ASKED = {
    "system": None, "template": "{stem}\n{thought}\n{right}/{wrong}?", "right": "Y", "wrong": "N",
}  # fmt: skip
JUDGE = {"name": "asked", "kind": "judge", "model": {"name": "judge"}, "judge": ASKED}
BY_JUDGE = [{"approach": "weighted_best_of_n", "n": [2], "scorer": "asked"}]


def judged_values(items, found):
    """Rows of samples with the item, the text up to each step, and the value there."""
    candidates = found.candidates[found.candidates["search"] == "samples"]
    keys = ["item_id", "candidate"]
    values = dict(tuple(found.scores.groupby(keys)["score"]))
    bank = {item["item_id"]: item for item in items.to_dict("records")}
    for row in candidates.itertuples():
        steps = row.think_text.splitlines(keepends=True)
        for end, value in enumerate(values[row.item_id, row.candidate], start=1):
            yield bank[row.item_id], "".join(steps[:end]), value


@pytest.mark.parametrize("most", [0, 3])
def test_a_judge_is_read_at_its_verdict(asked_judge, tmp_path, most):
    scorer = {**JUDGE, "judge": {**ASKED, "max_think": most}}
    record = register("judge", asked_judge)
    items, (found, usage) = searched(tmp_path, asked_judge, [scorer], BY_JUDGE, record)
    words, model = tiny.tokenizer(), AutoModelForCausalLM.from_pretrained(asked_judge).eval()
    byte = {letter: words(letter).input_ids for letter in ("Y", "N", " ")}
    run: dict[str, set[tuple[int, ...]]] = {}
    missing = 0
    for item, thought, value in judged_values(items, found):
        text = f"{item['stem']}\n<judged_answer>\n{thought.strip()}\n</judged_answer>\nY/N?\n"
        ids = words(text + ("<think>\n" if most else "<think>\n\n</think>\n\n")).input_ids
        closing = words("</think>\n\nAnswer:").input_ids
        if len(ids) + (most + len(closing) + 1 if most else 0) + 1 > 150:
            missing += 1
            assert pd.isna(value)
            continue
        for _ in range(most):
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([ids])).logits[0, -1, : len(words)]
            ids = [*ids, int(logits.argmax())]
        if most:
            ids = ids + ([] if words.decode(ids[-1:]) == "\n" else words("\n").input_ids) + closing
        # "Y" and " Y" against "N" and " N", of which the space is a byte of its own.
        with torch.inference_mode():
            first = model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1)
            behind = model(input_ids=torch.tensor([ids + byte[" "]])).logits[0, -1].softmax(-1)
        yes, no = (
            float(first[byte[w][0]] + first[byte[" "][0]] * behind[byte[w][0]]) for w in "YN"
        )
        assert value == pytest.approx(yes / (yes + no), abs=1e-5)
        run.setdefault(item["item_id"], set()).add((*ids, *byte[" "]))
    assert usage["unread"] == ({"asked": missing} if missing else {}) and run
    bills = found.spent[found.spent["scorer"] == "asked"].set_index("item_id")
    assert not bills["scorer_exact_tokens"].any()
    assert (bills["scorer_parameters"] == parameters(asked_judge)).all()
    for item_id, read in run.items():
        beginnings = {ids[:n] for ids in read for n in range(1, len(ids) + 1)}
        assert bills.loc[item_id, "scored"] == len(beginnings)
    gone = {**record, "files": {}}
    _, (again, _) = searched(tmp_path, asked_judge, [scorer], BY_JUDGE, gone)
    assert again.scores.equals(found.scores)  # from the journal: there are no such weights


def test_a_judge_that_cannot_be_asked_is_refused_at_once(asked_judge, tmp_path):
    alike = {**JUDGE, "judge": {**ASKED, "right": "a b", "wrong": "a  b"}}
    words = tiny.tokenizer()
    words.backend_tokenizer.normalizer = normalizers.Replace("  ", " ")
    words.chat_template = "{{ raise_exception('no system message') if messages[0].role != 'user' }}"
    refusing = tmp_path / "refusing"
    shutil.copytree(asked_judge, refusing)
    words.save_pretrained(refusing)
    told = {
        "scorer asked: the tokenizer writes the labels 'a b' and 'a  b' alike": alike,
        "scorer asked: .*no system message": {**JUDGE, "judge": {**ASKED, "system": "Judge."}},
    }
    for message, scorer in told.items():
        with pytest.raises(ThinkscaleError, match=message):
            searched(tmp_path, refusing, [scorer], BY_JUDGE, register("judge", refusing))


def test_a_readout_is_how_sure_the_model_is_where_it_is_cut(judge, tmp_path):
    scorer = {"name": "sure", "kind": "readout", "measure": "margin"}
    wanted = [
        {"approach": "weighted_best_of_n", "n": [2], "scorer": "sure"},
        {"approach": "beam_search", "n": [2], "beam_width": 2, "scorer": "sure"},
    ]
    items, (found, usage) = searched(tmp_path, judge, [scorer], wanted)
    of_samples = found.scores[found.scores["search"] == "samples"]
    assert found.scores["score"].between(0, 1).all() and usage["unread"] == {}
    samples = replace(found, scores=of_samples)
    tokenizer = AutoTokenizer.from_pretrained(REASONER)
    model = AutoModelForCausalLM.from_pretrained(REASONER).eval()
    prepared = prepare(
        register("reasoner", REASONER), items, SETTINGS, Conditions().model_dump(), seed=1
    )
    forcing, prompts = prepared.work.forcing, prepared.work.prompts
    run: dict[str, set[tuple[int, ...]]] = {}
    for item, thought, value in judged_values(items, samples):
        ids = prompts[item["item_id"]] + encode(tokenizer, thought)
        ids += forcing.forced_end(ids)
        run.setdefault(item["item_id"], set()).add(ids)
        with torch.inference_mode():
            chances = model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1)
        labels = [option["label"] for option in item["options"]]
        ways = label_spellings(tokenizer, "\n\nAnswer:", labels)
        each = torch.tensor([sum(chances[w[0]] for w in ways[label]) for label in labels])
        first, second = (each / each.sum()).topk(2).values.tolist()
        assert all(len(w) == 1 for way in ways.values() for w in way)
        assert value == pytest.approx(first - second, abs=1e-4)
    bills = found.spent[(found.spent["search"] == "samples") & (found.spent["scorer"] == "sure")]
    bills = bills.set_index("item_id")
    for item_id, read in run.items():
        # Behind each step the forced end is run anew; what was thought is run once.
        beginnings = {ids[:n] for ids in read for n in range(1, len(ids) + 1)}
        assert bills.loc[item_id, "scored"] == len(beginnings)
        assert bills.loc[item_id, "scorer_parameters"] == bills.loc[item_id, "parameters"]
    assert bills["scorer_exact_tokens"].all()


def test_a_readout_needs_options(tmp_path):
    items = generate_bank(2, 3).assign(options=[[], []])
    free = SETTINGS.model_copy(update={"prompt": Prompt(template="{stem}")})
    record = register("reasoner", REASONER)
    prepared = prepare(record, items, free, Conditions().model_dump(), seed=1)
    part = Part(prepared, items, {}, lambda ids: (ids,), tmp_path, "w")
    scorer = Scorer(name="s", kind="readout").model_dump()
    with ExitStack() as stack, pytest.raises(
        ThinkscaleError, match=r"scorer s: item '.*': there are no options"
    ):  # fmt: skip
        open_scorers([scorer], prepared.journal(tmp_path, "w"), part, stack)


def test_a_scorer_must_know_the_tokens_it_is_given(judge, tmp_path):
    scorer = {"name": "s", "kind": "prm", "model": {"name": "judge"}}
    wanted = [{"approach": "best_of_n", "n": [2], "scorer": "s"}]
    with pytest.raises(ThinkscaleError, match="scorer s: judge has another tokenizer than reason"):
        searched(tmp_path, judge, [scorer], wanted)
    words = {"right": "yes.", "wrong": "no."}
    with pytest.raises(ThinkscaleError, match=r"scorer s: 'yes\.' and 'no\.' end in the same"):
        searched(tmp_path, judge, [{**scorer, "text": words}], wanted)
