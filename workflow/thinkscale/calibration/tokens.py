"""The calibration models' own tokenizer: byte-level BPE over a regex split.

The split makes every unit of a question or trace one token (`#1+6`, ` =9`, ` B)4`, `Wait`) and
every newline a token of its own. So strings that are put into a trace (a forced end, a
continuation) have the same tokens alone and within the whole.
"""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from thinkscale.calibration.bank import NOTE_MARK, NOTE_WORDS
from thinkscale.calibration.traces import CONTINUATION, MARKS

THINK_END = "</think>"
ANSWER_PROMPT = "\n\nAnswer:"

_SPLIT = "|".join(
    [
        r"\n",
        r" ?[A-Z]\)[0-9]",  # option
        r"[#@%&$^][0-9][+-][0-9]",  # line of a stem
        r"[#@%&$^][0-9]",  # index of a trace line
        r" ?[=+-][0-9]",  # operation or value
        r" ?\p{L}+:?",
        r" ?\p{N}",
        r" ?[^\s\p{L}\p{N}]+",
        r"\s",
    ]
)

_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|>{{ message['content'] }}{{ eos_token }}"
    "{% else %}<|user|>{{ message['content'] }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)


def vocabulary_words() -> list[str]:
    """Every string that must be one token, in a fixed order."""
    digits = range(10)
    return [
        *["Start", "So", "Answer:", CONTINUATION, "\n"],
        *[f" {letter}" for letter in "ABCDE"],
        *[f" {d}" for d in digits],
        *[f" ={d}" for d in digits],
        *[f" {sign}{d}" for sign in "+-" for d in digits[1:]],
        *[f"{mark}{d}" for mark in MARKS for d in range(9)],
        *[f" {letter}){d}" for letter in "ABCDE" for d in digits],
        *[f"#{i}{sign}{d}" for i in range(1, 9) for sign in "+-" for d in digits[1:]],
        *[NOTE_MARK, *(f" {word}" for word in NOTE_WORDS)],
    ]


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer, chat template included; the template writes the one BOS, encoding none."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|pad|>", "<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=2048,  # never reached: merging ends when every word is one token
        min_frequency=0,
        show_progress=False,
        special_tokens=specials,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(vocabulary_words(), trainer)
    # Not special, so that the marker survives decoding with skip_special_tokens.
    tokenizer.add_tokens(
        [AddedToken(t, special=False, normalized=False) for t in ("<think>", THINK_END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|bos|>",
        eos_token="<|eos|>",
        pad_token="<|pad|>",
        extra_special_tokens=["<|user|>", "<|assistant|>"],
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        chat_template=_CHAT_TEMPLATE,
    )
