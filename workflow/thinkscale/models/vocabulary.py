"""Whether two models speak in the same tokens."""

import json
from pathlib import Path

from tokenizers import Tokenizer

from thinkscale.errors import ThinkscaleError


def check_same_vocabulary(student: Path, teacher: Path) -> None:
    """Raise ThinkscaleError unless two models' distributions are over the same tokens.

    Told from `tokenizer.json` and `config.json` alone. Embeddings may be padded beyond the
    tokenizer's ids, and within one family differently.
    """
    models = {"student": student, "teacher": teacher}
    words = {
        name: Tokenizer.from_file(str(path / "tokenizer.json")).get_vocab(with_added_tokens=True)
        for name, path in models.items()
        if (path / "tokenizer.json").is_file()
    }
    sizes = {name: _size(path) for name, path in models.items()}
    if len(words) == 2 and (other := words["student"].items() ^ words["teacher"].items()):
        token, number = min(other, key=lambda pair: (pair[1], pair[0]))
        has = "student" if words["student"].get(token) == number else "teacher"
        raise ThinkscaleError(
            f"`derive.teacher`: the student ({student}) and the teacher ({teacher}) have other "
            f"vocabularies, of {len(words['student'])} and {len(words['teacher'])} tokens (only "
            f"the {has} writes {token!r} as {number}); expected a teacher with the student's, or "
            "`recipe: sft` on what the teacher wrote"
        )
    if sizes["student"] != sizes["teacher"]:
        raise ThinkscaleError(
            f"`derive.teacher`: the distributions of the student ({student}) are over "
            f"{sizes['student']} ids and those of the teacher ({teacher}) over {sizes['teacher']} "
            "(`vocab_size`, padding included); expected as many, or `recipe: sft` on what the "
            "teacher wrote"
        )


def _size(directory: Path) -> int | None:
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return config.get("text_config", config).get("vocab_size")
