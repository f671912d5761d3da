"""The loop many notebooks hold, against thinkscale's decoding, at a prefix of 500 tokens.

The loop: decode everything to text, tokenise the text again, run the whole of it without a cache,
take one token, begin again.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import measure
import ours
from measure import Run, Section, in_turns, rates, ratio, spread, timed
from shapes import without_ends
from thinkscale.engines.transformers.sampling import Sampling
from work import REASONER, sweep_work

PREFIX = 500
NEW = 128
LOOP_NEW = 32
BATCH = 64


def main() -> None:
    options = measure.arguments(__doc__, repetitions=5).parse_args()
    measure.quiet()
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory, "model")
        without_ends(REASONER, model)
        measure.publish(section(model, options.repetitions))


def section(model: Path, repetitions: int) -> Section:
    prefix = long_prefix(model)
    contenders = {"notebook loop, one row": notebook_loop(model, prefix)}
    rows = {
        "one row": [prefix],
        f"{BATCH} samples": [prefix] * BATCH,
        # The same tokens, begun elsewhere: no two rows have anything in common.
        f"{BATCH} prefixes": [prefix[n:] + prefix[:n] for n in range(BATCH)],
    }
    for name, prefixes in rows.items():
        decoding, whole = our_decoding(model, prefixes)
        contenders[f"thinkscale, {name}"] = decoding
        contenders[f"thinkscale, {name}, prefill counted"] = whole
    threads = {name: n for name, (n, _) in measure.choose_threads(contenders).items()}
    runs = in_turns(measure.at_threads(contenders, threads), repetitions)
    loop = rates(runs["notebook loop, one row"])
    rows = [
        {
            "contender": name,
            "threads": threads[name],
            "tokens per second": spread(rates(found)),
            "times the loop": ratio(rates(found), loop),
        }
        for name, found in runs.items()
    ]
    return Section(
        "notebook",
        f"Decoding behind {PREFIX} tokens, against the notebook loop",
        rows,
        [
            "Calibration reasoner, fp32, greedy. Tokens per second of all rows together; the loop "
            "has one row, so the ratio of one row is what a row gains. The loop made "
            f"{LOOP_NEW} tokens a run, thinkscale {NEW} a row.",
            f"{BATCH} samples: of the same prefix, which is run once. {BATCH} prefixes: no two "
            "rows begin alike.",
            "Where prefill is not counted: the time of a run less that of one that makes a single "
            "token. The loop has no prefill to subtract; it runs the prefix at every token.",
            measure.how(repetitions),
        ],
    )


def long_prefix(model: Path) -> list[int]:
    """Prompts of the bank one behind the other, cut to length."""
    prompts = sweep_work(64)["prompts"].values()
    ids = [token for prompt in prompts for token in prompt][:PREFIX]
    tokenizer = AutoTokenizer.from_pretrained(model)
    again = tokenizer(tokenizer.decode(ids), add_special_tokens=False).input_ids
    if abs(len(again) - PREFIX) > 5:
        raise SystemExit(f"the prefix has {len(again)} tokens when tokenised again, not {PREFIX}")
    return ids


def notebook_loop(directory: Path, prefix: Sequence[int]) -> Callable[[], Run]:
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)

    @torch.inference_mode()
    def loop() -> int:
        ids = list(prefix)
        for _ in range(LOOP_NEW):
            text = tokenizer.decode(ids)
            ids = tokenizer(text, add_special_tokens=False).input_ids
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
            ids.append(int(logits.argmax()))
        return LOOP_NEW

    return lambda: timed(loop)


def our_decoding(
    directory: Path, prefixes: Sequence[Sequence[int]]
) -> tuple[Callable[[], Run], Callable[[], Run]]:
    """Decoding alone, and with the passes over the prefixes."""
    make = ours.loader(directory, len(prefixes))

    def run(new: int) -> Run:
        engine = make(Sampling(temperature=0.0))
        asked = ours.requests(prefixes, [new] * len(prefixes))
        return timed(lambda: ours.complete(engine, asked))

    def decoding() -> Run:
        first, whole = run(1), run(NEW)
        return Run(whole.seconds - first.seconds, whole.tokens - first.tokens)

    return decoding, lambda: run(NEW)


if __name__ == "__main__":
    main()
