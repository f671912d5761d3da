"""Reward models on random weights: what they say, against transformers' own forward pass."""

from math import isnan
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen2Model,
)

import tiny
from thinkscale.engines.base import Scores, Scoring
from thinkscale.engines.reader import Reader, as_given, verdict
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.engines.transformers.verdict import Qwen2ForProcessRewardModel, open_verdict
from thinkscale.errors import ThinkscaleError

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGS = {"llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config}
WRONG, RIGHT = 40, 42
CONTEXT = 64


def saved(directory: Path, architecture: str, made, labels: int = 2):
    """A random model of an architecture with a head, on disk; returns it in evaluation mode."""
    words = tiny.tokenizer()
    torch.manual_seed(1)
    config = CONFIGS[architecture](
        vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=CONTEXT,
        initializer_range=0.4, bos_token_id=None, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id, num_labels=labels, tie_word_embeddings=False,
    )  # fmt: skip
    model = (made.from_config(config) if hasattr(made, "from_config") else made(config)).eval()
    model.save_pretrained(directory)
    words.save_pretrained(directory)
    return model


def reader(directory: Path, kind: str, words=None, **settings) -> Reader:
    checkpoint = open_checkpoint(directory, Loading(dtype="float32", device="cpu"))
    stream = open_verdict(checkpoint, kind, words, **{"batch_size": 4, **settings})
    return Reader(stream, verdict(as_given, checkpoint.context))


def scorings() -> list[Scoring]:
    """Two rows: one thought judged at three steps, and two that go on from its first step."""
    ask = lambda text, ends, row=b"a": Scoring(  # noqa: E731
        "s", tuple(tiny.tokenizer()(text).input_ids), 4, ends, row
    )
    return [
        ask("2+2?so 2\nis 4\nend\n", (9, 14, 18)),
        ask("2+2?so 2\nis 5\n", (14,)),
        ask("2+2?so 2\n", (9,)),
        ask("another?so\n", (11,), b"b"),
    ]


def said(engine: Reader, asked: list[Scoring]) -> list[Scores]:
    for ticket, scoring in enumerate(asked):
        engine.submit(ticket, scoring)
    done = {}
    while len(done) < len(asked):
        done.update(engine.step())
    return [done[ticket] for ticket in range(len(asked))]


def last(model, ids) -> torch.Tensor:
    """A model's own logits at the end of some tokens, or those that it pools there."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits[0]
    return logits if logits.ndim == 1 else logits[-1]


def in_words(model, ids) -> torch.Tensor:
    return last(model, ids)[[WRONG, RIGHT]]


# Name: kind, words, class, labels, value of the logits that the model itself gives
HEADS = {
    "orm, one label": (
        "orm", None, AutoModelForSequenceClassification, 1,
        lambda model, ids: last(model, ids).sigmoid()[0],
    ),
    "orm, two labels": (
        "orm", None, AutoModelForSequenceClassification, 2,
        lambda model, ids: last(model, ids).softmax(-1)[1],
    ),
    "prm, one label": (
        "prm", None, AutoModelForTokenClassification, 1,
        lambda model, ids: last(model, ids).sigmoid()[0],
    ),
    "prm, two labels": (
        "prm", None, AutoModelForTokenClassification, 2,
        lambda model, ids: last(model, ids).softmax(-1)[1],
    ),
    "prm, two words": (
        "prm", (WRONG, RIGHT), AutoModelForCausalLM, 2,
        lambda model, ids: in_words(model, ids).softmax(-1)[1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("architecture", CONFIGS)
@pytest.mark.parametrize("head", HEADS)
def test_values_are_those_of_the_model_itself(head, architecture, tmp_path):
    kind, words, made, labels, value = HEADS[head]
    model = saved(tmp_path, architecture, made, labels)
    found = said(reader(tmp_path, kind, words), scorings())
    for scoring, scores in zip(scorings(), found, strict=True):
        expected = [float(value(model, scoring.ids[:end])) for end in scoring.ends]
        assert scores.values == pytest.approx(expected, abs=1e-5)
    values = [v for scores in found for v in scores.values]
    assert len({round(v, 4) for v in values}) == 5 and all(0 <= v <= 1 for v in values)


def test_qwens_process_reward_model_needs_no_code_of_its_own(tmp_path):
    model = saved(tmp_path, "qwen2", Qwen2ForProcessRewardModel)
    assert {"score.0.weight", "score.2.bias"} <= set(model.state_dict())
    base = Qwen2Model.from_pretrained(tmp_path).eval()
    [scores, *_] = said(reader(tmp_path, "prm"), scorings())
    with torch.inference_mode():
        hidden = base(input_ids=torch.tensor([scorings()[0].ids])).last_hidden_state[0]
        first, _, second = model.score
        logits = second(first(hidden).relu())
    expected = logits.softmax(-1)[[8, 13, 17], 1].tolist()
    assert scores.values == pytest.approx(expected, abs=1e-5)


def test_a_step_is_read_once(tmp_path):
    saved(tmp_path, "llama", AutoModelForTokenClassification)
    engine = reader(tmp_path, "prm")
    found = said(engine, scorings())
    # 18 tokens; behind the first 12, "5\n" ("4" differs); the first step has its value; another
    # row; then what was run without being judged, of which the last token is run again.
    assert [scores.read for scores in found] == [18, 2, 0, 11]
    within = [Scoring("s", scorings()[1].ids, 4, (end,), b"a") for end in (11, 13)]
    assert [scores.read for each in within for scores in said(engine, [each])] == [1, 1]
    assert said(engine, scorings()[1:2])[0].values == found[1].values
    assert engine.usage().fed == 18 + 2 + 11 + 1 + 1 and engine.usage().sampled == 0
    engine.release(b"a")
    again = said(engine, scorings()[1:2])[0]
    assert again.values == pytest.approx(found[1].values, abs=1e-5) and again.read == 14


def test_memory_is_bounded(tmp_path):
    saved(tmp_path, "llama", AutoModelForTokenClassification)
    many = [s for n in range(9) for s in scorings()]
    rows = [
        Scoring(s.scorer, s.ids, s.begin, s.ends, s.noise + bytes([n // 4]))
        for n, s in enumerate(many)
    ]
    row = 2 * 2 * 2 * 8 * 4 * 30  # bytes of 30 tokens: two layers' keys and values of two heads
    engine = reader(tmp_path, "prm", memory=2 * row)
    found = said(engine, rows)
    for ours, other in zip(found[:4], found[-4:], strict=True):
        assert ours.values == pytest.approx(other.values, abs=1e-5)
    assert engine.engine.tree.bytes() <= 2 * row


def test_what_does_not_fit_or_is_no_number_has_no_value(tmp_path):
    model = saved(tmp_path, "llama", AutoModelForTokenClassification)
    engine = reader(tmp_path, "prm")
    long = Scoring("s", tuple(range(5, 5 + CONTEXT + 9)), 3, (10, CONTEXT, CONTEXT + 9), b"c")
    [scores] = said(engine, [long])
    assert [isnan(value) for value in scores.values] == [False, False, True]
    assert engine.unread == 1 and scores.read == CONTEXT
    [none] = said(engine, [Scoring("s", long.ids, 3, (CONTEXT + 1,), b"d")])
    assert isnan(none.values[0]) and none.read == 0
    for value in (float("nan"), float("inf")):
        with torch.no_grad():
            model.score.bias[:] = 0.0
            model.score.bias[1] = value
        engine.engine.model.model.score.load_state_dict(model.score.state_dict())
        engine.release(b"a")
        assert all(isnan(v) for s in said(engine, scorings()[:1]) for v in s.values)


def test_a_model_without_what_it_takes_is_refused(tmp_path):
    saved(tmp_path / "causal", "llama", AutoModelForCausalLM)
    with pytest.raises(ThinkscaleError, match=r"lack 2 of the model's weights \(score"):
        reader(tmp_path / "causal", "prm")
    saved(tmp_path / "three", "llama", AutoModelForTokenClassification, labels=3)
    with pytest.raises(ThinkscaleError, match="has 3 labels; expected one"):
        reader(tmp_path / "three", "prm")
