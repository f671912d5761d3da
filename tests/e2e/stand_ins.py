"""Small random-weight models of the same architectures, in place of those a shipped study names."""

from collections.abc import Iterable
from pathlib import Path

import torch
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedTokenizerFast

import families
import tiny
from thinkscale.engines.transformers.verdict import Qwen2ForProcessRewardModel

REPOSITORY = Path(__file__).parents[2]
STEP_END = "\n\n"  # one token, as in the vocabularies of those models
MARKERS = ["<think>", "</think>", "<|im_start|>", "<|im_end|>", "<｜User｜>", "<｜Assistant｜>"]


def study_with_stand_ins(path: Path, directory: Path, bank: Path | None = None) -> dict:
    """The shipped study of that path with models made here, and its bank or another one.

    What only costs time is made small: windows, samples, resamples, training steps. Conditions keep
    their kinds; budgets are divided by 64, as the windows are.
    """
    study = yaml.safe_load(path.read_text())
    items, inference = study["items"], study["inference"]
    items["source"] = str(bank or REPOSITORY / items["source"])
    text = [Path(items["source"]).read_text(encoding="utf-8", errors="replace")[:200_000]]
    preset = inference["thinking"]["preset"]
    judge = study["grading"].get("judge", {}).get("model")
    for model in [*study["models"], *([judge] if isinstance(judge, dict) else [])]:
        if "derive" in model:
            model["derive"].update(max_steps=3, batch_size=2, threads=1, dtype="float32")
            continue
        family = model.get("inference", {}).get("thinking", {}).get("preset", preset)
        # A model without markers has the template of its maker.
        family = "s1" if "Qwen2.5" in model["name"] and family == "instruct" else family
        stand_in(model, save(directory / model["name"], architecture(model), family, text))
    for scorer in study.get("scorers", []):
        model = scorer["model"]
        model["inference"].pop("memory", None)
        stand_in(model, save_judge(directory / model["name"], text))
    for strategy in study.get("strategies", []):
        strategy["n"] = [n for n in strategy["n"] if n <= 4]
    for corpus in study.get("corpora", []):
        for key in ("hub", "revision", "config", "split"):
            corpus.pop(key, None)
        corpus["source"] = str(REPOSITORY / "resources/samples/medical_traces.json")
    inference.update(dtype="float32", device="cpu", threads=1, context=1024)
    inference.update(samples=min(inference["samples"], 2), max_answer_tokens=24)
    inference.pop("memory", None)
    sweep = study["conditions"]
    sweep["max_think"] = [budget // 64 for budget in sweep["max_think"]]
    for cell in sweep.get("combine", []):
        cell["max_think"] //= 64
    analyses = study.setdefault("analyses", {})
    analyses.update(n_boot=100, n_permutations=100)
    analyses["divergence"] = {"n_permutations": 50}
    if "consensus_k" in analyses:
        analyses["consensus_k"] = [1, 2]
    return study


def stand_in(model: dict, directory: Path) -> None:
    """Put a directory in place of what a model of the hub is named by."""
    for key in ("hub", "revision"):
        model.pop(key, None)
    model["path"] = str(directory)


def architecture(model: dict) -> str:
    known = {"Llama": "llama", "Qwen3": "qwen3"}
    return next((kind for name, kind in known.items() if name in model["name"]), "qwen2")


def save(directory: Path, kind: str, family: str, texts: Iterable[str]) -> Path:
    """A random model of one kind, and a tokenizer learned from texts, as one family's is."""
    words = tokenizer(family, texts)
    torch.manual_seed(len(directory.name))
    model = AutoModelForCausalLM.from_config(shape(kind, words)).float()
    with torch.no_grad():
        # Otherwise random weights hardly ever end: a step, a thought, or a turn.
        for token in (STEP_END, "</think>", "<|im_start|>", families.EOS):
            model.lm_head.weight[words.convert_tokens_to_ids(token)] *= 3
    model.save_pretrained(directory)
    words.save_pretrained(directory)
    return directory


def save_judge(directory: Path, texts: Iterable[str]) -> Path:
    """A random process reward model as Qwen's is: its head, and its token behind each step."""
    words = tokenizer("s1", texts)  # whose template is Qwen's
    words.add_special_tokens({"additional_special_tokens": ["<extra_0>"]})
    torch.manual_seed(0)
    Qwen2ForProcessRewardModel(shape("qwen2", words)).float().save_pretrained(directory)
    words.save_pretrained(directory)
    return directory


def shape(kind: str, words: PreTrainedTokenizerFast) -> PreTrainedConfig:
    return tiny.CONFIGS[kind](
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        initializer_range=0.1,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        tie_word_embeddings=False,
    )


def tokenizer(family: str, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", families.BOS, families.EOS, *MARKERS]
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=families.BOS,
        eos_token=families.EOS,
        pad_token="<|endoftext|>",
    )
    made.add_tokens([STEP_END])
    made.chat_template = families.TEMPLATES[family]
    return made
