"""Write `config/README.md` and `config/schema.json` from the configuration's own descriptions.

Run `python -m thinkscale.config.docs [DIRECTORY]` after changing a key; a test compares both files
with what this module makes.
"""

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from thinkscale.config.presets.banks import PRESETS, Preset
from thinkscale.config.section import COLOUR_PATTERN, NAME_PATTERN, Section, block_in, blocks
from thinkscale.config.study import Study

INTRODUCTION = """\
# Configuration

This page is generated: run `python -m thinkscale.config.docs` after changing a description in
`workflow/thinkscale/config/`.

A **study file** is one YAML file that says everything about one study: the items, the models, the
sweep over thinking, how answers are graded, what is computed and drawn. Everything it produces lies
in `results/<study>/`. [config.yaml](config.yaml) is the demo study, and what a plain
`snakemake --cores 2` runs. To run another:

```sh
snakemake --cores 2 --configfile my.yaml
```

A study file stands alone: it is not laid over the demo study, and a key it leaves out has the
default given below. Paths are read from the directory Snakemake runs in. The file is checked before
anything is built: an unknown key, a wrong type or a contradiction ends the run with a message that
names the key. [schema.json](schema.json) is the same as a JSON schema; editors that know YAML
schemas complete and check keys as you type if the file begins with
`# yaml-language-server: $schema=schema.json` (the path from your file to the schema).

## A study of your own

Your own items in a CSV file, and a model from the Hugging Face hub on a GPU:

```yaml
"""

EXAMPLE = """\
study: my-items
seed: 1

items:
  source: data/my-items.csv
  n: 100
  difficulty_direction: higher_is_easier   # here: the share of people who answered correctly
  columns:
    item_id: id
    stem: question
    option_columns: [option_a, option_b, option_c, option_d]
    key: answer
    difficulty: p_correct

models:
  - name: R1-Distill-Qwen-1.5B
    hub: deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B
    revision: ad9f0ae0864d7fbcd1cd905e3c6c5b069cc8b562

inference:
  dtype: bfloat16
  device: cuda:0
  batch_size: 32
  context: 16384
  samples: 4
  temperature: 0.6
  top_p: 0.95
  max_answer_tokens: 256

conditions:
  max_think: [512, 1024, 2048, 4096, 8192]
  waits: [1, 2]
"""

MARKERS = """\
```

`revision` is the commit of the model's repository on the hub, so that a rerun runs the same
weights. A model that is already on disk has a `path` instead of `hub` and `revision`.

### Markers of thinking

`inference.thinking.preset` takes the strings that open and end thinking from a family of models:

| preset | for | opens thinking | ends thinking |
|---|---|---|---|
| `deepseek-r1` | DeepSeek-R1, its distills, QwQ | `<think>` | `</think>` |
| `qwen3` | Qwen3, with the template's switch on | `<think>` | `</think>` |
| `s1` | s1, s1.1 | `<\\|im_start\\|>think` | `<\\|im_start\\|>answer` |
| `instruct` | any other chat model | "Let's think step by step." | a line that begins "Answer:" |

Without a preset the strings are those of `deepseek-r1`. A key given beside the preset takes its
place, and a model may name a preset of its own, which leaves the study's strings of thinking aside:

```yaml
inference:
  thinking:
    preset: s1
    answer_prompt: "\\nAnswer:"        # instead of the preset's
models:
  - name: Qwen3-1.7B
    hub: Qwen/Qwen3-1.7B
    revision: ...
    inference:
      thinking: {preset: qwen3}
```

For another family, write what opens and what ends its thinking as the tokenizer has it, in `start`
and `end`. The start is appended only where the chat template does not already open thinking.
A marker is found whatever tokens the tokenizer makes of it behind a newline or before one. A model
whose markers are wrong here still runs, but it never ends its thinking by itself: `censored` in
the tables is then near 1.

With `instruct` the prompt has to ask for the answer line, as `inference.prompt.template` does
unless you change it; `inference.prompt.examples` can show the model what is meant.

### Budgets together

```yaml
conditions:
  max_think: [64, 256]
  combine:
    - {waits: 2, max_think: 256}       # think on twice, within 256 tokens in all
    - {min_think: 128, max_think: 256} # at least 128 tokens, at most 256
  continuations: ["Wait", "Let me check that again.", ""]
  continuation_choice: drawn           # one of the three at each natural end; `each`: a branch each
```
"""

BANKS = """
### Item banks

`items.preset` knows the columns of some banks, so that their files need no mapping:

```yaml
items:
  preset: math
  source: data/math500.jsonl
```

The same from the Hugging Face hub; its files are downloaded once, whole, into the hub's cache:

```yaml
items:
  preset: gsm8k
  hub: openai/gsm8k
  revision: ...        # the commit, 40 hexadecimal digits
  config: main
  split: test
```

| preset | for | columns, the first that the file has |
|---|---|---|
"""

BANKS_END = """
Every key that a preset fills in can be given beside it and then stands instead, as in
`columns: {difficulty: null}`. Where a row of the table names two forms, the first is that of CSV
and TSV.

"""

OPEN_TASKS = """\
### Open tasks

A task without a right answer has items of the preset `open`, a prompt that says what is asked, and
the grader `structure`, `judge`, or both. Accuracy is then the share of responses with outcome
`correct`; what concerns human difficulty is not estimated, where the items have none.
[studies/policy-briefs.yaml](studies/policy-briefs.yaml) and
[studies/disclosure-fields.yaml](studies/disclosure-fields.yaml) are two such studies.

```yaml
items: {source: papers.jsonl, preset: open, columns: {stem_template: "{title}\\n\\n{abstract}"}}
inference:
  prompt: {system: You write policy briefs., template: "Write a brief with ... on:\\n\\n{stem}"}
  thinking: {answer_prompt: "\\n\\n"}      # no "Final Answer:" before a brief
grading:
  graders: [structure, judge]
  structure:
    sections: [{title: Title}, {title: Summary, min_words: 40, max_words: 200}]
  judge:
    model: {name: Qwen3-8B, hub: Qwen/Qwen3-8B, revision: ...}
```

`structure` finds each section by its heading, whatever shape that has; `detail` in `grades.parquet`
lists what is missing. A section counts from its heading to the next listed one, or to a Markdown
heading that is not listed, of its own level or above. Of headings that are there twice the one with
most words under it counts. For JSON, a key that is there twice, NaN, and more than 100 levels are
not valid. An answer that was cut at its limit before all was there is ungradable.

`judge` puts every response to a model, with the likeliest tokens and one sample, through the same
engine and journal as the models themselves: the same answer to the same question is asked once, and
a rerun asks nothing again. `verdicts.parquet` keeps all that the judge was given, thought and said.
A verdict that is none of `verdicts`, or that was cut at its limit, is ungradable. Where the judge
has the weights of a model that it judges, the log says so: models tend to prefer their own answers.

What models wrote is not to be trusted. It is put between lines of its own that nothing in it can
repeat, and special tokens in it are broken up, so that it cannot end its part or begin a turn. This
does not keep a judge from being persuaded by what it reads ("this brief deserves a PASS"), nor from
errors that judges make without that: they favour long answers, sure tones, and what resembles their
own. Read some of `verdicts.parquet`, and compare the judge with people before you rely on it.

"""

KEYS = """\
## Every key

Paths are written with dots; `models[].name` is the key `name` of each entry of the list `models`.
"""


def readme() -> str:
    """Return the text of config/README.md."""
    presets = "".join(_preset(name, preset) for name, preset in PRESETS.items())
    parts = [INTRODUCTION + EXAMPLE + MARKERS + BANKS + presets + BANKS_END + OPEN_TASKS + KEYS]
    for path, section in blocks(Study):
        title = f"`{path}`" if path else "The study"
        parts.append(f"### {title}\n\n{inspect.getdoc(section)}\n\n{_table(path, section)}")
    return "\n".join(parts)


def schema() -> str:
    """Return the text of config/schema.json."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | Study.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def write(directory: Path) -> None:
    """Write README.md and schema.json into `directory`."""
    (directory / "README.md").write_text(readme(), encoding="utf-8")
    (directory / "schema.json").write_text(schema(), encoding="utf-8")


def _preset(name: str, preset: Preset) -> str:
    """A row of the table of item banks."""
    forms = [_mapping(form) for form in (preset.delimited, preset.columns) if form]
    about, columns = preset.about.replace("|", "\\|"), ". Or: ".join(forms).replace("|", "\\|")
    return f"| `{name}` | {about} | {columns} |\n"


def _mapping(columns: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}: {_names(key, value)}" for key, value in columns.items())


def _names(key: str, value: Any) -> str:
    """The columns of one key; candidates in their order, or all that make up the options."""
    if not isinstance(value, list):
        return f"`{value}`"
    several = key in ("option_columns", "other_options")
    names = [f"`{name}`" for name in value if name is not None]
    return (", " if several else " or ").join(names) + (" or none" if None in value else "")


def _table(path: str, section: type[Section]) -> str:
    lines = ["| key | type | default | unit | meaning |", "|---|---|---|---|---|"]
    types = section.model_json_schema()["properties"]
    for name, field in section.model_fields.items():
        key = f"`{path}.{name}`" if path else f"`{name}`"
        unit = types[name].get("unit", "")
        cells = [key, _words(types[name]), _default(field), unit, field.description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default is None or block_in(field.annotation):
        return "none" if field.default in (None, []) else "as below"
    shown = json.dumps(field.default, ensure_ascii=False)
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


_KINDS = {"integer": "whole number", "number": "number", "boolean": "true or false"}
_PATTERNS = {NAME_PATTERN: "name", COLOUR_PATTERN: "colour"}
_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
)


def _words(field: Mapping[str, Any]) -> str:
    """A JSON schema's type in plain words."""
    if "anyOf" in field:
        kinds = [part for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(map(_words, kinds))
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        return "block"
    if field["type"] == "array":
        entries = field.get("prefixItems")
        if entries:
            return f"pair of {_words(entries[0])}s"
        least = ", not empty" if field.get("minItems") else ""
        return f"list ({_words(field['items'])}){least}"
    if field["type"] == "string":
        return _PATTERNS.get(field.get("pattern"), "text")
    if field["type"] == "object":
        return "keys and values"
    bounds = [f"{sign} {field[bound]:g}" for bound, sign in _BOUNDS if bound in field]
    return " ".join([_KINDS[field["type"]], *([", ".join(bounds)] if bounds else [])])


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[3] / "config"))
