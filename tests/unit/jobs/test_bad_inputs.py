"""Bad inputs, made systematically: each is one message that names the culprit, and none hangs.

Every case goes the way of a user's study: reading the file, checking it, and looking at what it
names. An exception other than ThinkscaleError would be a traceback, and fails the test.
"""

import bz2
import errno
import gzip
import io
import json
import lzma
import os
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from banks import workbook
from studies import study
from thinkscale.config import load_study, parse_study, read_yaml
from thinkscale.config.section import blocks
from thinkscale.config.study import Study
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_surroundings

REPOSITORY = Path(__file__).parents[3]
REASONER = REPOSITORY / "resources/calibration/reasoner"
GOOD = {
    "study": "s",
    "items": {"source": "calibration", "bank_size": 20, "n": 3},
    "models": [{"name": "one", "path": str(REASONER)}],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(values) -> str:
    """What the user is told of a study; empty where nothing is wrong with it."""
    try:
        check_surroundings(parse_study(values, "my.yaml"), "my.yaml")
    except ThinkscaleError as error:
        return str(error)
    return ""


# Keys of the study file

KEYS = [
    (f"{path}.{name}".removeprefix("."), section)
    for path, section in blocks(Study)
    for name in section.model_fields
]
VALUES = (
    *(None, True, -1, 0.5, float("nan"), 10**12, 10**25),
    *("", "nosuch", "x" * 300, "a{b}c", "\ud800"),
    *([], ["nosuch"], [[]], [1, 1], {}, {"nosuch": 1}),
)
# What the schema leaves out and the reader takes: names of columns in a file without a header, and
# short forms.
BANKS = [
    *(f"models[].derive.{of}.bank" for of in ("reward", "grpo", "held_out")),
    "corpora[].generate.bank",
]
COLUMN_KEYS = tuple(f"{bank}.columns." for bank in ("items", *BANKS))
NUMBERS = [-1, 10**12, 10**25, [1, 1]]
TAKEN = {
    "analyses.divergence.smoothing": [0.5, 10**12, 10**25, {}],
    **{f"{of}.inference": [None] for of in ("models[]", "scorers[].model", "grading.judge.model")},
}


@pytest.fixture(scope="module")
def schema():
    return Study.model_json_schema()


def of_key(schema: dict, key: str) -> Draft202012Validator:
    """The part of the schema that is a key's."""
    part = schema
    for name in key.replace("[]", ".[]").split("."):
        while "$ref" in part or "anyOf" in part:
            if "$ref" in part:
                part = schema["$defs"][part["$ref"].split("/")[-1]]
            else:
                part = next(o for o in part["anyOf"] if "$ref" in o or o.get("type") != "null")
        part = part["items"] if name == "[]" else part["properties"][name]
    return Draft202012Validator({**part, "$defs": schema["$defs"]})


def with_value(key: str, value) -> dict:
    """A study with a value at a key, in the first entry of each list on the way there."""
    values = here = study()
    parts = key.replace("[]", ".0").split(".")
    for name, below in pairwise(parts):
        if name == "0":
            here.extend([{}] * (not here))
            here = here[0]
        else:
            here = here.setdefault(name, [] if below == "0" else {})
    here[parts[-1]] = value
    return values


@pytest.mark.parametrize("key", [key for key, _ in KEYS])
def test_values_that_a_key_cannot_have(key, schema):
    """Whatever the schema forbids is refused by that key's name; nothing else breaks."""
    allowed = of_key(schema, key)
    of_file = key.startswith(COLUMN_KEYS)
    for value in VALUES:
        taken = NUMBERS if of_file and value is not True else TAKEN.get(key, ())
        forbidden = not allowed.is_valid(value) and value not in taken
        try:
            parse_study(with_value(key, value), "my.yaml")
        except ThinkscaleError as error:
            told = str(error)
            assert all(line.startswith("my.yaml: ") for line in told.splitlines())
            assert not forbidden or f"`{key.replace('[]', '[0]')}" in told, (value, told)
        else:
            assert not forbidden, value


@pytest.mark.parametrize("path", sorted({key.rpartition(".")[0] for key, _ in KEYS}))
def test_keys_that_are_spelled_wrong(path):
    names = [key.rpartition(".")[2] for key, _ in KEYS if key.rpartition(".")[0] == path]
    for name in names:
        wrong = f"{path}.{name}x".removeprefix(".")
        with pytest.raises(ThinkscaleError) as error:
            parse_study(with_value(wrong, 1), "my.yaml")
        place = re.escape(wrong.replace("[]", "[0]"))
        assert re.search(
            rf"`{place}`: unknown key; did you mean `[\w.\[\]]*{name}", str(error.value)
        )


# The file itself

BOMB = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
FILES = {
    "a colour without quotes": ("figures:\n  palette: [#ff0000]\n", "line 3", "in quotes"),
    "a tab": ("study: s\nitems:\n\tsource: x\n", "line 3", "no tabs"),
    "two documents": ("study: s\n---\nstudy: t\n", "line 2", "one document"),
    "Latin-1": ("study: s\n# caf\xe9\n".encode("latin-1"), "line 2", "UTF-8"),
    "UTF-16": ("study: s\n".encode("utf-16"), "line 1", "UTF-8"),
    "control characters": (b"study: s\nseed: \x01\n", "line 2", "#x0001"),
    "NUL in a text": ('study: s\nitems: {source: "a\\0b"}\n', "`items.source`", "line 2"),
    "brackets in brackets": ("study: " + "[" * 100_000, "nested too deeply"),
    "keys below keys": ("".join(f"{' ' * n}a:\n" for n in range(1500)), "nested too deeply"),
    "aliases of aliases": (BOMB, "1.2e+10 values", "aliases"),
    "an alias of itself": ("study: &s [*s]\n", "line 1", "alias"),
    "an alias of nothing": ("study: *s\n", "line 1", "undefined alias 's'"),
    "a date that is none": ("study: s\nseed: 2026-13-45\n", "line 2", "'2026-13-45'", "quotes"),
    "a number that is none": ("seed: !!int x\n", "line 1", "quotes"),
    "5,000 digits": ("seed: " + "1" * 5000, "line 1", "quotes"),
    "code": ("study: !!python/object/apply:os.getcwd []\n", "line 1", "constructor"),
    "a key that is a list": ("? {a: 1}\n: 2\n", "line 1", "unhashable"),
    "an open bracket": ("study: [1, 2\nitems: 3\n", "line 2", "begun in line 1"),
    "an open quote": ("study: 'x\nitems: 3\n", "line 3", "begun in line 1"),
    "a colon too many": ("study: a: b\n", "line 1", "not allowed here"),
    "a percent sign": ("study: s\nseed: %1\n", "line 2", "'%'"),
    "a wrong indent": ("items:\n  n: 1\n source: x\n", "line 3"),
    "a key twice": ("study: a\nseed: 1\nstudy: b\n", "`study`", "lines 1 and 3"),
    "nothing": ("", "found nothing"),
    "a text": ("study", "found a str"),
    "a list": ("- study: s\n", "found a list"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_no_study(folder, kind):
    content, *expected = FILES[kind]
    (folder / "my.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ThinkscaleError) as error:
        load_study(Path("my.yaml"))
    told = str(error.value)
    assert told.startswith("my.yaml") and len(told.splitlines()) == 1 and len(told) < 400
    assert all(word in told for word in expected), told


@pytest.mark.parametrize("kind", ["directory", "pipe", "circle of links", "long name", "none"])
def test_places_that_hold_no_study(kind):
    name = "x" * 300 if kind == "long name" else "my.yaml"
    match kind:
        case "directory":
            os.mkdir(name)
        case "pipe":
            os.mkfifo(name)  # whoever opens it waits for ever
        case "circle of links":
            os.symlink(name, name)
    with pytest.raises(ThinkscaleError, match=f"^{name}: ((found a (directory|pipe))|cannot read)"):
        read_yaml(Path(name))


# Paths in a study

PATHS = {
    "results": ("results", "results", None),
    "model": ("models.0.path", "models[0].path", "holds no config.json"),
    "bank": ("items.source", "items.source", "there is no file"),
    "corpus": ("corpora.0.source", "corpora[0].source", "there is no file"),
}
PLACES = {
    "braces": "a{b}c",
    "an open brace": "a{b",
    "a long name": "x" * 300,
    "a long path": "x/" * 3000,
    "nothing": "",
    "no such file": "no/such",
    "a directory": "folder",
    "a file for a directory": "file/inside",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("of", PATHS)
def test_paths_that_lead_nowhere(folder, of, place):
    os.mkdir("folder")
    Path("file").write_text("")
    key, named, what = PATHS[of]
    if of == "results" and place in ("no such file", "a directory"):
        return  # it is made, or is one
    base = {**GOOD, "corpora": [{"name": "traces", "source": "calibration"}]}
    values = json.loads(json.dumps(base))
    *above, last = key.split(".")
    here = values
    for part in above:
        here = here[int(part)] if isinstance(here, list) else here[part]
    here[last] = PLACES[place]
    told = said(values)
    assert f"`{named}`" in told
    assert what is None or what in told or place in ("braces", "an open brace", "nothing")


# Banks and corpora

BANK = [
    {"id": "q1", "q": "Is it?", "a": "yes", "b": "no", "k": "A", "d": "0.1"},
    {"id": "q2", "q": "Was it a café?", "a": "yes", "b": "no", "k": "B", "d": "0.2"},
]
TRACES = [
    {"question": "Why?", "reasoning": "Let me see: a café", "response": "So."},
    {"question": "How?", "reasoning": "Well, well", "response": "Thus."},
]
COLUMNS = {
    "item_id": "id",
    "stem": "q",
    "option_columns": ["a", "b"],
    "key": "k",
    "difficulty": "d",
}
PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
KINDS = (
    *(".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx"),
    *(".csv.gz", ".tsv.xz", ".jsonl.bz2", ".json.gz"),
)
TEXT = [kind for kind in KINDS if kind not in (".parquet", ".xlsx")]
GARBAGE = bytes(range(256)) * 4


def table(rows: list[dict], kind: str, encoding: str = "utf-8") -> bytes:
    """Rows as the content of a file of a kind, which its suffixes name."""
    plain, _, packed = kind[1:].partition(".")
    if plain == "parquet":
        pd.DataFrame(rows).to_parquet("made")
    elif plain == "xlsx":
        header, *_ = rows
        workbook(Path("made"), {"One": [list(header), *(list(row.values()) for row in rows)]})
    else:
        frame, sep = pd.DataFrame(rows), "\t" if plain == "tsv" else ","
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        text = {
            "csv": frame.to_csv(index=False, sep=sep),
            "tsv": frame.to_csv(index=False, sep=sep),
            "jsonl": lines,
            "json": json.dumps(rows, ensure_ascii=False),
        }[plain]
        Path("made").write_bytes(text.encode(encoding))
    return PACK.get(f".{packed}", bytes)(Path("made").read_bytes())


def renamed(rows: list[dict], old: str) -> list[dict]:
    return [{("other" if name == old else name): cell for name, cell in r.items()} for r in rows]


def cut_off(content: bytes, kind: str) -> bytes:
    """The beginning of a file; a table of text loses its last cell, and ends in a line's midst."""
    sign = {".csv": b",", ".tsv": b"\t"}.get(kind)
    return content[: len(content) // 2 if sign is None else content.rindex(sign)]


def faults_of(rows: list[dict], column: str) -> dict:
    """Contents that are at fault, by (fault, kind); `column` is one that is needed."""
    blank = [rows[0], {**rows[1], column: None}]
    made = {
        "cut off": (KINDS, lambda k: cut_off(table(rows, k), k)),
        "empty": (KINDS, lambda k: b""),
        "without a row": (TEXT, lambda k: PACK.get(Path(k).suffix, bytes)(b"")),
        "garbage": (KINDS, lambda k: GARBAGE),
        "packed garbage": (TEXT[4:], lambda k: PACK[Path(k).suffix](GARBAGE)),
        "another kind": (KINDS, lambda k: table(rows, ".csv" if k == ".parquet" else ".parquet")),
        "Latin-1": (TEXT, lambda k: table(rows, k, "latin-1")),
        "UTF-16": (TEXT, lambda k: table(rows, k, "utf-16")),
        "no such column": (KINDS, lambda k: table(renamed(rows, column), k)),
        "an empty cell": ([k for k in KINDS if k != ".xlsx"], lambda k: table(blank, k)),
    }
    nested = [rows[0], {**rows[1], column: [["x"]]}]
    made["a list for a text"] = ((".jsonl", ".json.gz"), lambda k: table(nested, k))
    return {(fault, k): make for fault, (kinds, make) in made.items() for k in kinds}


BANK_FAULTS, CORPUS_FAULTS = faults_of(BANK, "q"), faults_of(TRACES, "reasoning")


@pytest.mark.parametrize(("fault", "kind"), BANK_FAULTS)
def test_banks_at_fault(fault, kind):
    name = f"bank{kind}"
    Path(name).write_bytes(BANK_FAULTS[fault, kind](kind))
    told = said({**GOOD, "items": {"source": name, "columns": COLUMNS}})
    assert name in told and len(told.splitlines()) == 1 and len(told) < 700
    assert fault != "no such column" or "'q'" in told
    assert fault != "Latin-1" or "`items.encoding`" in told


@pytest.mark.parametrize("kind", KINDS)
def test_banks_and_corpora_without_fault(kind):
    Path(f"bank{kind}").write_bytes(table(BANK, kind))
    Path(f"corpus{kind}").write_bytes(table(TRACES, kind))
    assert said(with_corpus(f"corpus{kind}")) == ""
    assert said({**GOOD, "items": {"source": f"bank{kind}", "columns": COLUMNS}}) == ""


def with_corpus(name: str, **settings) -> dict:
    """A study that compares with a corpus, and fine-tunes on it where it is one of traces."""
    derived = {"name": "two", "derive": {"parent": "one", "corpus": "c"}}
    return {
        **GOOD,
        "models": [*GOOD["models"], *([] if settings.get("format") else [derived])],
        "corpora": [{"name": "c", "source": name, **settings}],
    }


@pytest.mark.parametrize(("fault", "kind"), CORPUS_FAULTS)
def test_corpora_at_fault(fault, kind):
    name = f"corpus{kind}"
    Path(name).write_bytes(CORPUS_FAULTS[fault, kind](kind))
    for settings in ({}, {"format": "columns", "columns": ["reasoning"]}):
        told = said(with_corpus(name, **settings))
        assert "`corpora[0]` (c)" in told and name in told and len(told) < 700
        assert fault != "no such column" or "reasoning" in told


def chat(*messages) -> dict:
    return {"messages": list(messages)}


FINE = {"role": "user", "content": "Why?"}
ODD = {
    "messages": {
        "a text": {"messages": "Why?"},
        "nothing": {"messages": None},
        "another column": {"conversation": [FINE]},
        "no role": chat(FINE, {"content": "So."}),
        "a number": chat(FINE, {"role": "user", "content": 5}),
        "a text in the list": chat("Why?"),
    },
    "traces": {
        "an unknown end": {**TRACES[0], "ended": "soon"},
        "a segment without kind": {**TRACES[0], "reasoning": [{"text": "x"}]},
        "a number": {**TRACES[0], "question": 5},
        "half a character": {**TRACES[0], "response": "\ud800"},
        "a list": [1],
        "no JSON": None,
    },
}


@pytest.mark.parametrize(
    ("form", "fault"), [(form, fault) for form, rows in ODD.items() for fault in rows]
)
def test_rows_of_corpora_at_fault(form, fault):
    good = chat(FINE) if form == "messages" else TRACES[0]
    odd = ODD[form][fault]
    line = "{" if odd is None else json.dumps(odd)
    Path("corpus.jsonl").write_text(f"{json.dumps(good)}\n{line}\n")
    told = said(with_corpus("corpus.jsonl", **({"format": form} if form != "traces" else {})))
    assert "`corpora[0]` (c)" in told and re.search(r"corpus\.jsonl, (row|line) 2", told), told


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "found no text"),
        (b" \n\n", "found no text"),
        ("x\ncaf\xe9\n".encode("latin-1"), "line 2"),
        (GARBAGE, "line 2"),
        (gzip.compress(b"some text " * 50, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_texts_at_fault(content, expected):
    name = "corpus.txt.gz" if content.startswith(b"\x1f\x8b") else "corpus.txt"
    Path(name).write_bytes(content)
    told = said(with_corpus(name, format="text"))
    assert f"`corpora[0]` (c): {name}" in told and expected in told


def test_a_corpus_that_was_compared_is_not_read_again():
    Path("corpus.jsonl").write_text("no corpus")
    values = with_corpus("corpus.jsonl")
    assert "corpus.jsonl" in said(values)
    tables = Path("results/s/tables")
    tables.mkdir(parents=True)
    (tables / "divergence.csv").write_text("")
    assert said(values) == ""


def test_a_disk_without_room(monkeypatch):
    """Told at the start, not when the first table is written."""

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **how: Full())
    told = said(GOOD)
    assert "`results`: cannot write to" in told and "No space left on device" in told
