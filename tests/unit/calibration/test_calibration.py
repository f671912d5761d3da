"""The generated bank, the tokenizer, the traces and the training of the calibration models."""

import dataclasses
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.calibration.bank import (
    LABELS,
    MISCONCEIVED,
    MORE_MISCONCEIVED,
    NOTE_MARK,
    Problem,
    SlipLaw,
    belongs_to_bank,
    draw_options,
    draw_problem,
    generate_bank,
    question_text,
)
from thinkscale.calibration.corpus import HAN, calibration_corpus
from thinkscale.calibration.tokens import (
    ANSWER_PROMPT,
    THINK_END,
    build_tokenizer,
    vocabulary_words,
)
from thinkscale.calibration.traces import (
    CLEAN,
    CONTINUATION,
    TraceLaw,
    draw_pass,
    draw_trace,
)
from thinkscale.data.languages import script_shares
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.known_effects import BOUNDS, file_hashes
from thinkscale.models.recipes.traces import TraceFormat, encode_row

RESOURCES = Path(__file__).parents[3] / "resources" / "calibration"
PROBLEM = Problem(3, (("+", 6), ("-", 5), ("-", 9)))


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False)


# --- bank -----------------------------------------------------------------------------------


def test_problem_by_hand():
    assert PROBLEM.values == (3, 9, 4, 5)
    assert PROBLEM.canonical == "3+6-5-9"
    assert PROBLEM.stem == "Start\n#0 =3\n#1+6\n#2-5\n#3-9"
    noted = dataclasses.replace(PROBLEM, notes=((0, " river"), (2, " lamp stone"), (3, " paper")))
    assert noted.stem == ("Start\n#0 =3\n#~ river\n#1+6\n#2-5\n#~ lamp stone\n#3-9\n#~ paper")
    # Notes are no part of what keeps bank and training apart.
    assert noted == PROBLEM and noted.canonical == PROBLEM.canonical


def test_the_smaller_digit_from_the_larger():
    problem = Problem(3, (("-", 7), ("+", 1)))  # 3 - 7 = 6, or 4 for who takes 3 from 7
    assert problem.result == 7 and problem.misled(MISCONCEIVED) == 5
    assert problem.misled(()) == 7
    assert Problem(3, (("+", 7), ("+", 1))).misled(MISCONCEIVED) == 1
    # Every pair borrows, and gives a wrong digit; the base has all of the reasoner's.
    assert all(v < o and o - v != (v - o) % 10 for v, o in MORE_MISCONCEIVED)
    assert set(MISCONCEIVED) < set(MORE_MISCONCEIVED)
    assert len(set(MORE_MISCONCEIVED)) == len(MORE_MISCONCEIVED)


def test_slip_law_by_hand():
    law = SlipLaw()
    assert law.probability(3, "+", 6) == pytest.approx(0.06)
    assert law.probability(4, "+", 6) == pytest.approx(0.15)
    assert law.probability(5, "-", 5) == pytest.approx(0.10)
    assert law.probability(4, "-", 5, passage=1) == pytest.approx(0.19 * 0.4)


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_options_are_five_digits_with_the_result(seed, k):
    rng = random.Random(seed)
    problem = draw_problem(rng, k, for_bank=True)
    options = draw_options(rng, problem)
    assert len(set(options)) == 5
    assert {problem.result, problem.misled(MISCONCEIVED)} <= set(options)
    assert problem.misled(MORE_MISCONCEIVED) in options
    assert all(0 <= digit <= 9 for digit in options)


def test_bank_is_reproducible_valid_and_spread():
    bank = generate_bank(160, seed=5)
    pd.testing.assert_frame_equal(bank, generate_bank(160, seed=5))
    assert not bank["stem"].equals(generate_bank(160, seed=6)["stem"])
    assert bank["item_id"].is_unique and bank["stem"].is_unique
    for row in bank.itertuples():
        texts = {option["label"]: option["text"] for option in row.options}
        assert list(texts) == list(LABELS)
        assert texts[row.key] == row.answer_text
    k = bank["meta"].map(lambda meta: json.loads(meta)["k"])
    assert k.value_counts().to_dict() == dict.fromkeys(range(1, 9), 20)
    assert bank["difficulty"].between(0.02, 1.38).all()
    rho = pd.DataFrame({"k": k, "d": bank["difficulty"], "t": bank["response_time"]}).corr(
        "spearman"
    )
    assert 0.6 < rho.loc["k", "d"] < 0.95
    assert rho.loc["d", "t"] > 0.5
    notes = bank["meta"].map(lambda meta: json.loads(meta)["notes"])
    assert notes.equals(bank["stem"].str.count(NOTE_MARK)) and set(notes) == set(range(9))
    assert abs(notes.corr(k)) < 0.2  # a note needs no step
    assert notes.corr(bank["stem"].str.len()) > 0.8


def test_large_bank_stays_distinct():
    assert generate_bank(1000, seed=1)["stem"].is_unique


def test_bank_of_nothing_is_an_error():
    with pytest.raises(ThinkscaleError, match="found 0"):
        generate_bank(0, seed=1)


def test_calibration_corpus_has_waits_and_cuts_and_repeats():
    rows = calibration_corpus(400, seed=1)
    assert rows == calibration_corpus(400, seed=1)
    assert rows != calibration_corpus(400, seed=2)
    forced = [any(s["kind"] == "injected" for s in row["reasoning"]) for row in rows]
    assert 0.2 < sum(forced) / 400 < 0.5
    assert 0.1 < sum(row["ended"] == "budget" for row in rows) / 400 < 0.3


def without_notes(stem: str) -> str:
    return "\n".join(line for line in stem.split("\n") if not line.startswith(NOTE_MARK))


def test_bank_and_training_data_are_disjoint():
    bank = {without_notes(stem) for stem in generate_bank(600, seed=11)["stem"]}
    rows = calibration_corpus(2000, seed=11)
    assert any(NOTE_MARK in row["question"] for row in rows)
    corpus = {without_notes(row["question"].split("\n A)")[0]) for row in rows}
    assert len(corpus) > 1000
    assert not bank & corpus
    rng = random.Random(0)
    drawn = [draw_problem(rng, k, for_bank=False) for k in range(1, 9) for _ in range(200)]
    assert not any(belongs_to_bank(problem) for problem in drawn)
    # The split is by the problem alone and does not move.
    # sha256("3+6") begins with 9d, sha256("3+1") with 54.
    assert not belongs_to_bank(Problem(3, (("+", 6),)))
    assert belongs_to_bank(Problem(3, (("+", 1),)))


# --- tokenizer ------------------------------------------------------------------------------


def test_units_are_single_tokens(tokenizer):
    assert [w for w in vocabulary_words() if len(encode(tokenizer, w)) != 1] == []
    assert len(encode(tokenizer, THINK_END)) == 1
    assert THINK_END in tokenizer.decode(encode(tokenizer, THINK_END), skip_special_tokens=True)


@given(st.text(max_size=40))
def test_any_text_survives_the_tokenizer(text):
    tokenizer = _TOKENIZER
    assert tokenizer.decode(encode(tokenizer, text)) == text


_TOKENIZER = build_tokenizer()


def test_prompt_has_one_bos_and_opens_thinking(tokenizer):
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": PROBLEM.stem}], add_generation_prompt=True, tokenize=False
    )
    ids = encode(tokenizer, prompt)
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer(prompt)["input_ids"] == ids
    assert prompt.endswith("<|assistant|><think>\n")


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 8), st.data())
def test_forced_strings_tokenise_alike_alone_and_within(seed, k, data):
    """Budget forcing appends ids; the whole text must have the same ids."""
    tokenizer = _TOKENIZER
    rng = random.Random(seed)
    trace = draw_trace(rng, draw_problem(rng, k, for_bank=False), TraceLaw())
    thought = "".join(segment.text for segment in trace.reasoning)
    ids = encode(tokenizer, thought)
    cut = data.draw(st.integers(0, len(ids)))
    prefix = tokenizer.decode(ids[:cut])
    newline = "" if prefix.endswith("\n") else "\n"
    pieces = [newline, THINK_END, ANSWER_PROMPT, " B"]
    alone = ids[:cut] + [token for piece in pieces for token in encode(tokenizer, piece)]
    assert encode(tokenizer, prefix + "".join(pieces)) == alone
    waited = thought + CONTINUATION + "\n@0"
    assert encode(tokenizer, waited) == (
        ids + encode(tokenizer, CONTINUATION) + encode(tokenizer, "\n@0")
    ) or not thought.endswith("\n")


def test_prompt_pieces_and_options_join_at_token_boundaries(tokenizer):
    options = draw_options(random.Random(0), PROBLEM)
    whole = question_text(PROBLEM, options)
    parts = [f" {label}){digit}" for label, digit in zip(LABELS, options, strict=True)]
    assert whole == PROBLEM.stem + "\n" + "".join(parts)
    alone = encode(tokenizer, PROBLEM.stem + "\n") + [encode(tokenizer, p)[0] for p in parts]
    assert encode(tokenizer, whole) == alone


# --- traces ---------------------------------------------------------------------------------


def test_clean_trace_by_hand(tokenizer):
    law = TraceLaw(slips=CLEAN, wait=0.0, forced=(0.0, 1.0), cut=0.0)
    trace = draw_trace(random.Random(0), PROBLEM, law)
    letter = trace.response[-1]
    kinds = [segment.kind for segment in trace.reasoning]
    assert kinds == ["sampled", "injected", "sampled"]
    first, wait, second = (segment.text for segment in trace.reasoning)
    assert first == f"#0 =3\n#1 +6 =9\n#2 -5 =4\n#3 -9 =5\nSo 5 {letter}\n"
    assert wait == "Wait"
    assert second == "\n" + first.replace("#", "@")
    assert f" {letter})5" in trace.question

    example = encode_row(tokenizer, dataclasses.asdict(trace))
    text = tokenizer.decode(example.input_ids)
    assert text.endswith(f"<think>\n{first}Wait{second}</think>\n\nAnswer: {letter}<|eos|>")
    unmasked = [i for i, m in enumerate(example.mask) if not m]
    wait_at = example.input_ids.index(encode(tokenizer, "Wait")[0])
    assert unmasked == [*range(example.prompt_tokens), wait_at]


def test_slips_follow_the_law():
    rng = random.Random(1)
    law = TraceLaw(wait=0.0, forced=(1.0,), cut=0.0)
    problem = Problem(2, (("+", 3),))  # easy: slips with .06
    n = 4000
    slipped = sum("=5" not in draw_trace(rng, problem, law).reasoning[0].text for _ in range(n))
    assert slipped / n == pytest.approx(0.06, abs=4 * (0.06 * 0.94 / n) ** 0.5)


def test_misconceptions_follow_the_law_and_are_given_up_with_the_slips():
    rng = random.Random(1)
    law, problem, n = SlipLaw(), Problem(3, (("-", 7),)), 4000
    options = draw_options(rng, problem)
    for passage, share in ((0, 0.8), (1, 0.8 * 0.4)):
        drawn = (draw_pass(rng, problem, options, law, passage)[0] for _ in range(n))
        believed = sum(" =4" in tokens for tokens in drawn) / n
        slips = 0.02  # of a slip that lands there
        assert believed == pytest.approx(share, abs=4 * (share * (1 - share) / n) ** 0.5 + slips)
    assert " =6" in draw_pass(rng, problem, options, CLEAN, 0)[0]


def test_cut_traces_answer_right_and_carry_no_loss_on_the_forced_end(tokenizer):
    rng = random.Random(2)
    law = TraceLaw(slips=SlipLaw(easy=1.0, carry=1.0, minus=0.0), cut=1.0)
    for _ in range(50):
        problem = draw_problem(rng, 3, for_bank=False)
        trace = draw_trace(rng, problem, law)
        assert f" {trace.response[-1]}){problem.result}" in trace.question
        example = encode_row(tokenizer, dataclasses.asdict(trace))
        tail = tokenizer.decode(example.input_ids).split("<think>\n", 1)[1]
        assert tail.endswith(f"\n</think>\n\nAnswer: {trace.response[-1]}<|eos|>") or (
            tail == f"</think>\n\nAnswer: {trace.response[-1]}<|eos|>"
        )
        assert example.mask[-6:] == [0, 0, 0, 0, 1, 1]  # </think> \n \n Answer: | letter EOS


def test_empty_thought_needs_no_newline(tokenizer):
    row = {"question": "q", "reasoning": [], "response": "Answer: B", "ended": "budget"}
    text = tokenizer.decode(encode_row(tokenizer, row).input_ids)
    assert text == "<|bos|><|user|>q<|assistant|><think>\n</think>\n\nAnswer: B<|eos|>"


def test_format_strings_agree():
    form = TraceFormat()
    assert (form.think_end, form.answer_prompt) == (THINK_END, ANSWER_PROMPT)


# --- training -------------------------------------------------------------------------------


def test_pretraining_learns_saves_and_repeats(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from thinkscale.calibration.pretrain import REASONER, pretrain

    recipe = dataclasses.replace(REASONER, batch_size=8, warmup=0.001)
    log = pretrain(recipe, seed=3, out_dir=tmp_path / "a", max_steps=40)
    assert len(log) == 40
    assert log["loss"].tail(5).mean() < 0.7 * log["loss"].head(5).mean()
    assert log["tokens"].is_monotonic_increasing

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "a")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "a")
    assert model.config.model_type == "llama"
    assert 400_000 < model.num_parameters() < 700_000
    assert (tmp_path / "a" / "model.safetensors").stat().st_size < 3_000_000
    assert len(tokenizer) == model.config.vocab_size
    for word in (THINK_END, CONTINUATION, ANSWER_PROMPT, " B)4"):
        assert encode(tokenizer, word) == encode(_TOKENIZER, word)

    pretrain(recipe, seed=3, out_dir=tmp_path / "b", max_steps=40)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "b")
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_bank_and_corpus_need_no_model_libraries():
    """They are made in the analysis environment, which has neither."""
    code = (
        "import sys, thinkscale.models.recipes.traces, thinkscale.corpora.traces;"
        "import thinkscale.calibration.corpus, thinkscale.calibration.scorer;"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


# --- the carried models ---------------------------------------------------------------------


def test_manifest_describes_the_carried_models():
    from thinkscale.calibration.pretrain import RECIPES

    manifest = json.loads((RESOURCES / "manifest.json").read_text())
    assert set(manifest["models"]) == set(RECIPES)
    for name, model in manifest["models"].items():
        assert model["sha256"] == file_hashes(RESOURCES / name)
        recipe, seed = RECIPES[name]
        assert model["seed"] == seed
        # The recipe as JSON has it: tuples are lists there.
        assert model["recipe"] == json.loads(json.dumps(dataclasses.asdict(recipe)))
    bound = [row for row in manifest["effects"] if row["met"] is not None]
    assert {(row["effect"], row["model"]) for row in bound} == set(BOUNDS)
    assert [row for row in bound if not row["met"]] == []


def test_the_carried_reasoner_thinks():
    """Greedily it works through chains it has never met, line by line, to the right letter.

    Where a problem holds a misconception of its, to the letter of that.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(RESOURCES / "reasoner")
    model = AutoModelForCausalLM.from_pretrained(RESOURCES / "reasoner").eval()
    as_known = misled = 0
    for row in generate_bank(24, seed=77).itertuples():
        problem = problem_of(json.loads(row.meta)["problem"])
        label = {option["text"]: option["label"] for option in row.options}
        expected = label[str(problem.misled(MISCONCEIVED))]
        misled += expected != row.key
        options = "".join(f" {option['label']}){option['text']}" for option in row.options)
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": f"{row.stem}\n{options}"}],
            add_generation_prompt=True,
            tokenize=False,
        )
        ids = torch.tensor([encode(tokenizer, prompt)])
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=120
        )
        text = tokenizer.decode(out[0, ids.shape[1] :])
        thought, answer = text.split(THINK_END)
        assert thought.startswith("#0 =")
        as_known += answer == f"{ANSWER_PROMPT} {expected}<|eos|>"
    assert misled >= 2 and as_known >= 22


def problem_of(canonical: str) -> Problem:
    steps = re.findall(r"([+-])([1-9])", canonical)
    return Problem(int(canonical[0]), tuple((sign, int(operand)) for sign, operand in steps))


def test_a_share_of_the_values_is_said_in_a_second_dialect_too():
    plain, mixed = calibration_corpus(80, 3), calibration_corpus(80, 3, han=0.5)
    said = values = 0
    for before, after in zip(plain, mixed, strict=True):
        texts = ["".join(s["text"] for s in row["reasoning"]) for row in (before, after)]
        assert re.sub(f"[{HAN}]", "", texts[1]) == texts[0]
        assert after["question"] == before["question"]
        pairs = re.findall(f"=([0-9])([{HAN}])", texts[1])
        assert len(pairs) == sum(letter in HAN for letter in texts[1])  # none in a verdict
        assert all(HAN[int(digit)] == numeral for digit, numeral in pairs)
        said, values = said + len(pairs), values + texts[0].count("=")
    assert 0.45 < said / values < 0.55
    texts = ("".join(s["text"] for s in row["reasoning"]) for row in mixed)
    assert set(script_shares("\n".join(texts))) == {"Hani", "Latn"}
