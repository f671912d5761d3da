"""Every fault a study file can have is one message: the key, what was found, what was expected."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from studies import message, study
from thinkscale.config import docs, load_study, parse_study
from thinkscale.config.inference import Prompt, Thinking
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.conditions import sweep

CONFIG = Path(__file__).parents[3] / "config"


SERVER = {"url": "http://127.0.0.1:8000", "software": "ollama"}
SERVED = {"inference.engine": "completions", "inference.server": SERVER}

FAULTS = {
    "server without a URL": (
        {"inference.engine": "completions"},
        ["`inference`", "expected `server` with `engine: completions`: its `url` and `software`"],
    ),
    "server of no kind known": (
        SERVED | {"inference.server": {**SERVER, "software": "tgi"}},
        ["`inference.server.software`", "found 'tgi'", "'vllm', 'sglang', 'llama.cpp' or 'ollama'"],
    ),
    "URL without its scheme": (
        SERVED | {"inference.server": {**SERVER, "url": "localhost:8000"}},
        ["`inference.server.url`", "found 'localhost:8000'", "expected a URL as http://127.0.0.1"],
    ),
    "key in a URL": (
        SERVED | {"inference.server": {**SERVER, "url": "http://me:key@host"}},
        ["`inference.server.url`", "without a name and password in it"],
    ),
    "labels read of a server that gives text": (
        SERVED | {"inference.readout": "options"},
        ["`inference`", "expected no `readout` with ollama, which gives no probabilities of text"],
    ),
    "likelihoods of a server that gives text": (
        SERVED | {"scorers": [{"name": "own", "kind": "likelihood"}]},
        ["`scorers[0].kind`", "found 'likelihood'", "the server of one gives no probabilities"],
    ),
    "weights of a server quantized here": (
        SERVED | {"inference.quantization": "4bit"},
        ["`inference`", "expected no `quantization` or `device_map` with a server"],
    ),
    "unknown key at the top": (
        {"modles": []},
        ["`modles`", "unknown key", "did you mean `models`?"],
    ),
    "unknown key in a block": (
        {"conditions.max_thinks": [1]},
        ["`conditions.max_thinks`", "unknown key", "did you mean `max_think`?", "min_think"],
    ),
    "unknown key in a list": (
        {"models.0.pth": "x"},
        ["`models[0].pth`", "unknown key", "did you mean `path`?"],
    ),
    "known key in the wrong place": (
        {"temperature": 1.0},
        ["`temperature`", "unknown key", "did you mean `inference.temperature`?"],
    ),
    "unknown key with nothing near": ({"xyzzy": 1}, ["`xyzzy`", "unknown key", "did you mean"]),
    "key that is no text": ({"conditions": {1: 2}}, ["`conditions", "1"]),
    "negative budget": (
        {"conditions.max_think": [8, -16]},
        ["`conditions.max_think[1]`", "found -16", "expected greater than or equal to 0"],
    ),
    "repeated budget": (
        {"conditions.max_think": [8, 16, 8]},
        ["`conditions.max_think`", "8 is repeated", "expected each value once"],
    ),
    "empty budgets": (
        {"conditions.max_think": []},
        ["`conditions.max_think`", "found []", "expected at least 1 in the list"],
    ),
    "budget as text": (
        {"conditions.max_think": ["16"]},
        ["`conditions.max_think[0]`", "found '16'", "expected a whole number"],
    ),
    "budget as a word": (
        {"conditions.max_think": ["natural"]},
        ["`conditions.max_think[0]`", "found 'natural'", "expected a whole number"],
    ),
    "budget true": (
        {"conditions.max_think": [True]},
        ["`conditions.max_think[0]`", "found True", "expected a whole number"],
    ),
    "budget with a point": (
        {"conditions.max_think": [16.0]},
        ["`conditions.max_think[0]`", "found 16.0", "expected a whole number"],
    ),
    "budgets no list": (
        {"conditions.max_think": 16},
        ["`conditions.max_think`", "found 16", "expected a list"],
    ),
    "no waits": ({"conditions.waits": [0]}, ["`conditions.waits[0]`", "found 0", "equal to 1"]),
    "repeated continuation": (
        {"conditions.continuations": ["Wait", "Wait"]},
        ["`conditions.continuations`", "'Wait' is repeated"],
    ),
    "continuation that is a word of the tables": (
        {"conditions.continuations": ["Wait", "(drawn)"]},
        ["`conditions.continuations`", "found '(drawn)'", "expected another text"],
    ),
    "choice of continuations": (
        {"conditions.continuation_choice": "random"},
        ["`conditions.continuation_choice`", "found 'random'", "'each' or 'drawn'"],
    ),
    "minimum and waits together": (
        {"conditions.combine": [{"max_think": 64, "waits": 2, "min_think": 8}]},
        ["`conditions.combine[0]`", "found `min_think` with `waits`", "expected `max_think` with"],
    ),
    "minimum above the maximum": (
        {"conditions.combine": [{"max_think": 64, "min_think": 65}]},
        ["`conditions.combine[0]`", "found `min_think` 65", "at most `max_think`, 64"],
    ),
    "combination of one": (
        {"conditions.combine": [{"max_think": 64}]},
        ["`conditions.combine[0]`", "found max_think", "belongs in the list of its name"],
    ),
    "combination without a maximum": (
        {"conditions.combine": [{"waits": 2}]},
        ["`conditions.combine[0].max_think`", "missing", "expected a value"],
    ),
    "repeated combination": (
        {"conditions.combine": [{"max_think": 64, "waits": 2}, {"waits": 2, "max_think": 64}]},
        ["`conditions.combine[1]`", "is repeated", "expected each value once"],
    ),
    "unknown preset": (
        {"inference.thinking": {"preset": "s2"}},
        ["`inference.thinking.preset`", "found 's2'", "'deepseek-r1', 'qwen3', 's1' or 'instruct'"],
    ),
    "template option that is not the template's": (
        {"inference.thinking.template_options": {"tokenize": True}},
        ["`inference.thinking.template_options`", "expected no key `tokenize`"],
    ),
    "thinking switched off by the template": (
        {
            "inference.thinking": {
                "preset": "qwen3",
                "template_options": {"enable_thinking": False},
            }
        },
        [
            "`inference.thinking.template_options`: found {'enable_thinking': False}",
            "expected thinking switched on: answers without it are `conditions.no_think: true`",
        ],
    ),
    "template option that is set elsewhere, where thinking is off": (
        {"inference.thinking": {"off_options": {"tokenize": True}}},
        ["`inference.thinking.off_options`", "expected no key `tokenize`"],
    ),
    "unknown end of a turn": (
        {"inference.thinking": {"turn_end": "answer"}},
        ["`inference.thinking.turn_end`", "found 'answer'", "'thinking' or 'response'"],
    ),
    "truncation to nothing": (
        {"conditions.truncate": [0]},
        ["`conditions.truncate[0]`", "found 0", "greater than or equal to 1"],
    ),
    "truncation repeated": (
        {"conditions.truncate": [8, 8]},
        ["`conditions.truncate`", "8 is repeated"],
    ),
    "thinking off as a number": (
        {"conditions.no_think": 1},
        ["`conditions.no_think`", "found 1", "expected true or false"],
    ),
    "role of the system text": (
        {"inference.prompt.system_role": "assistant"},
        ["`inference.prompt.system_role`", "found 'assistant'", "'system' or 'user'"],
    ),
    "example without an answer": (
        {"inference.prompt.examples": [{"user": "Q?"}]},
        ["`inference.prompt.examples[0].assistant`", "missing"],
    ),
    "repeated grader": (
        {"grading.graders": ["choice", "choice"]},
        ["`grading.graders`", "'choice' is repeated"],
    ),
    "pattern that does not compile": (
        {"grading.pattern": "answer ("},
        ["`grading.pattern`", "found 'answer ('", "expected a pattern", "RE2", "missing )"],
    ),
    "pattern that would backtrack": (
        {"grading.pattern": r"(?<==)(\d+)"},
        ["`grading.pattern`", "no look-around and no backreference", "invalid perl operator"],
    ),
    "pattern that refers back": (
        {"grading.pattern": r"(.)\1"},
        ["`grading.pattern`", "no look-around and no backreference", "invalid escape sequence"],
    ),
    "pattern of two groups": (
        {"grading.pattern": "(a)(b)"},
        ["`grading.pattern`", "found '(a)(b)'", "with one group: it has 2", "`(?:…)`"],
    ),
    "pattern of nothing": (
        {"grading.pattern": ""},
        ["`grading.pattern`", "found ''", "expected text that is not empty"],
    ),
    "keys that mean some": (
        {"grading.choice.keys": "some"},
        ["`grading.choice.keys`", "found 'some'", "expected 'any' or 'all'"],
    ),
    "several keys without options": (
        {"grading.choice.keys": "all", "grading.graders": ["exact"]},
        ["`grading.choice.keys`", "found 'all'", "only with the grader `choice`"],
    ),
    "empty block": ({"conditions": None}, ["`conditions`", "found nothing", "expected keys below"]),
    "model from itself": (
        {"models.1.derive.parent": "two"},
        ["`models[1].derive.parent` (two)", "cannot derive from itself (two from two)", "`path`"],
    ),
    "model from a missing one": (
        {"models.1.derive.parent": "onne"},
        ["`models[1].derive.parent` (two)", "no model 'onne'", "did you mean 'one'?"],
    ),
    "corpus missing from the study": (
        {"models.1.derive.corpus": "tracks"},
        ["`models[1].derive.corpus`", "found 'tracks'", "expected one of `corpora` (traces)"],
    ),
    "two models of one name": (
        {"models": [{"name": "one", "path": "model"}, {"name": "one", "path": "model"}]},
        ["`models`", "'one' is used 2 times", "expected unique names"],
    ),
    "model without weights": (
        {"models.0": {"name": "one"}},
        ["`models[0]` (one)", "found none", "exactly one of `path`, `hub`, `derive`"],
    ),
    "model with two origins": (
        {"models.0.hub": "a/b", "models.0.revision": "abc"},
        ["`models[0]` (one)", "found path, hub", "exactly one of"],
    ),
    "hub without revision": (
        {"models.0": {"name": "one", "hub": "a/b"}},
        ["`models[0].revision` (one)", "missing", "expected the hub commit"],
    ),
    "hub as an address": (
        {"models.0": {"name": "one", "hub": "https://hf.co/a/b", "revision": "0" * 40}},
        ["`models[0].hub` (one)", "found 'https://hf.co/a/b'", "the id of a model, `owner/name`"],
    ),
    "revision without hub": (
        {"models.0.revision": "abc"},
        ["`models[0].revision` (one)", "found 'abc'", "`hub`"],
    ),
    "model path missing": (
        {"models.0.path": "modle"},
        ["`models[0].path` (one)", "modle holds no config.json", "expected the directory"],
    ),
    "bank missing": (
        {"items": {"source": "b.csv", "columns": {"options": "options"}}},
        ["`items.source`", "no file b.csv", "expected `calibration` or the path of a bank"],
    ),
    "bank with two kinds of options": (
        {
            "items": {
                "source": "bank.csv",
                "columns": {"options": "options", "option_columns": ["a", "b"]},
            }
        },
        ["`items.columns`", "found `options` and `option_columns`", "expected one of `options`"],
    ),
    "bank without options": (
        {"items.source": "bank.csv"},
        ["`items.columns`", "found neither options nor an answer", "expected one of"],
    ),
    "corpus file missing": (
        {"corpora.0.source": "t.jsonl"},
        ["`corpora[0].source` (traces)", "no file t.jsonl", "expected"],
    ),
    "more items than are generated": (
        {"items.n": 2000},
        ["`items.n`", "found 2000", "expected at most `items.bank_size`, 1000"],
    ),
    "no models": ({"models": []}, ["`models`", "found []", "at least 1"]),
    "name with a slash": ({"models.0.name": "a/b"}, ["`models[0].name`", "'a/b'", "letters"]),
    "colour by name": ({"figures.palette": ["red"]}, ["`figures.palette[0]`", "'red'", "#rrggbb"]),
    "unknown engine": ({"inference.engine": "vlm"}, ["`inference.engine`", "'vlm'", "transform"]),
    "temperature true": ({"inference.temperature": True}, ["found True", "expected a number"]),
    "temperature infinite": (
        {"inference.temperature": float("inf")},
        ["`inference.temperature`", "found inf", "expected a finite number"],
    ),
    "nucleus of nothing": ({"inference.top_p": 0}, ["`inference.top_p`", "found 0", "greater"]),
    "comparison with a missing model": (
        {"analyses.compare": [["one", "three"]]},
        ["`analyses.compare`", "found 'three'", "expected one of one, two"],
    ),
    "comparison of one model": (
        {"analyses.compare": [["one", "one"]]},
        ["`analyses.compare`", "'one' with itself", "expected two models"],
    ),
    "readout of something else": (
        {"inference.readout": "answer"},
        ["`inference.readout`", "found 'answer'", "expected 'options'"],
    ),
    "grader of readouts where nothing is read": (
        {"grading.graders": ["choice", "readout"]},
        ["`inference.readout`", "found nothing to be read", "the grader `readout`"],
    ),
    "more mass than there is": (
        {"grading.readout.min_mass": 1.5},
        ["`grading.readout.min_mass`", "found 1.5", "less than or equal to 1"],
    ),
    "empty end of thinking": (
        {"inference.thinking": {"end": [""]}},
        ["`inference.thinking.end[0]`", "found ''", "expected text that is not empty"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(folder, fault):
    changes, expected = FAULTS[fault]
    said = message(study(**changes))
    for part in ["my.yaml: ", *expected]:
        assert part in said, said
    assert len(said.splitlines()) == 1, said
    assert "pydantic" not in said


def test_the_study_without_a_fault_passes(folder):
    assert parse_study(study(), "my.yaml").study == "s"


@pytest.mark.parametrize("key", ["study", "items", "models"])
def test_missing_keys_are_named(folder, key):
    values = study()
    del values[key]
    assert f"`{key}`: missing; expected" in message(values)


def test_models_that_derive_in_a_circle_are_each_named(folder):
    def derived(name, parent):
        return {"name": name, "derive": {"parent": parent, "corpus": "traces"}}

    values = study(models=[derived("a", "c"), derived("b", "a"), derived("c", "b")])
    said = message(values)
    assert "a model cannot derive from itself (a from c from b from a)" in said
    assert len(said.splitlines()) == 3
    # One that only begins at a circle is not itself at fault, and does not hang the check.
    values = study(models=[derived("a", "b"), derived("b", "a"), derived("d", "a")])
    assert "(d" not in message(values)


def test_every_fault_is_told_at_once(folder):
    said = message(study(**{"conditions.max_think": [-1], "items.n": 0, "colour": 1}))
    assert [line.split("`")[1] for line in said.splitlines()] == [
        "items.n",
        "conditions.max_think[0]",
        "colour",
    ]


def test_a_fault_in_inference_is_told_once_and_where_it_stands(folder):
    assert message(study(**{"inference.temperature": -1})).count("temperature") == 1
    said = message(study(**{"models.0.inference": {"temperature": -1}}))
    assert said.startswith("my.yaml: `models[0].inference.temperature`")


PROMPTS = {
    "template": {
        "{stem} {options} {difficulty}": "{difficulty} is not one",
        "{stem} {options} {}": "{} is not one",
        "{stem} {options} {0}": "{0} is not one",
        "{stem.__class__} {options} {stem}": "{stem.__class__} is not one",
        "{stem!r} {options}": "{stem} is not one or has a format",
        "{stem:>9} {options}": "{stem} is not one or has a format",
        "{stem} {options": "expected '}'",
        "{options}": "{stem} is missing",
        "{{stem}} {options}": "{stem} is missing",
    },
    "option": {
        "{label}. {txt}": "{txt} is not one",
        "{label}": "{text} is missing",
        "{label}. {text} }": "Single '}'",
    },
}


@pytest.mark.parametrize(
    ("key", "text", "why"), [(k, t, w) for k, texts in PROMPTS.items() for t, w in texts.items()]
)
def test_placeholders_of_prompts(folder, key, text, why):
    said = message(study(**{f"inference.prompt.{key}": text}))
    assert said.startswith(f"my.yaml: `inference.prompt.{key}`: found {text!r}; expected text with")
    assert why in said
    assert len(said.splitlines()) == 1


def test_doubled_braces_are_braces():
    prompt = Prompt(template="{{}} {stem} {options}", option="{{{label}}} {text}")
    assert prompt.template.format(stem="s", options="o") == "{} s o"
    assert prompt.option.format(label="A", text="t") == "{A} t"


def test_models_inherit_inference_key_by_key(folder):
    values = study(
        **{
            "inference": {"samples": 3, "thinking": {"start": "<t>", "end": ["</t>"]}},
            "models.1.inference": {"thinking": {"start": "<u>"}, "top_k": 5},
        }
    )
    before = copy.deepcopy(values)
    one, two = (model.inference for model in parse_study(values, "my.yaml").models)
    assert (one.samples, one.thinking.start, one.top_k) == (3, "<t>", 0)
    assert (two.samples, two.thinking.start, two.thinking.end, two.top_k) == (3, "<u>", ["</t>"], 5)
    assert values == before


def test_presets_give_what_is_not_given(folder):
    values = study(
        **{
            "inference": {
                "thinking": {
                    "preset": "qwen3",
                    "answer_prompt": "\nSo:",
                    "template_options": {"tools": None},
                }
            },
            "models.1.inference": {"thinking": {"preset": "s1", "end": ["<|im_start|>"]}},
        }
    )
    one, two = (model.inference.thinking for model in parse_study(values, "my.yaml").models)
    assert (one.start, one.end, one.answer_prompt) == ("<think>\n", ["</think>"], "\nSo:")
    assert one.template_options == {"enable_thinking": True, "tools": None}
    # A preset of its own leaves the study's strings aside: they are another family's.
    assert (two.start, two.end) == ("<|im_start|>think", ["<|im_start|>"])
    assert (two.answer_prompt, two.template_options) == ("\nFinal Answer:", {})


def test_keys_of_a_model_stand_over_the_preset_of_the_study(folder):
    values = study(
        **{
            "inference": {"thinking": {"preset": "qwen3"}},
            "models.1.inference": {
                "thinking": {"start": "", "template_options": {"enable_thinking": None}}
            },
        }
    )
    one, two = (model.inference.thinking for model in parse_study(values, "my.yaml").models)
    assert one.template_options == {"enable_thinking": True}
    assert (two.preset, two.start, two.end) == ("qwen3", "", ["</think>"])
    assert two.template_options == {"enable_thinking": None}


@pytest.mark.parametrize("preset", [None, "s1", "instruct"])
def test_settings_survive_the_way_to_a_job(preset):
    thinking = Thinking(preset=preset, answer_prompt="So:")
    assert Thinking(**json.loads(thinking.model_dump_json())) == thinking


def test_a_sweep_with_combinations(folder):
    conditions = {
        "combine": [{"waits": 2, "max_think": 64}, {"min_think": 64, "max_think": 64}],
        "continuations": ["Wait", "", "Is that right?"],
        "continuation_choice": "drawn",
        "truncate": [32],
        "no_think": True,
    }
    asked = parse_study(study(conditions=conditions), "my.yaml").conditions.model_dump()
    del asked["max_swaps"]
    named = sweep(**{key: value for key, value in asked.items() if value is not None})
    names = ["natural", "no_think", "truncate=32", "waits=2;max=64", "min=64;max=64"]
    assert list(named) == names


def test_a_model_that_a_rule_makes_need_not_exist_yet(folder):
    values = study(**{"models.0.path": "results/made/reasoner"})
    assert parse_study(values, "my.yaml", made_here=["results/made"])
    assert "results/made/reasoner holds no config.json" in message(values)


FILES = {
    "empty": ("", "found nothing; expected keys: `study`"),
    "list": ("- a\n- b\n", "found a list; expected keys"),
    "words": ("study", "found a str; expected keys"),
    "broken": ("study: [1, 2\nitems: 3\n", "found no valid YAML"),
    "tabs": ("study:\n\tname: 1\n", "found no valid YAML"),
    "repeated": ("study: a\nseed: 1\nstudy: b\n", "`study`: found twice (on lines 1 and 3)"),
    "repeated in a list": ("models:\n - {name: a, name: b}\n", "`models[0].name`: found twice"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_no_study(tmp_path, kind):
    text, expected = FILES[kind]
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ThinkscaleError) as raised:
        load_study(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert expected in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"no\.yaml: cannot read the config: No such file"):
        load_study(tmp_path / "no.yaml")


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(
    st.sampled_from(
        ["study", "items", "models", "inference", "corpora", "conditions", "analyses", "figures"]
    ),
    yaml_values,
)
def test_whatever_stands_in_a_block_is_a_study_or_a_message(key, value):
    try:
        parse_study({**study(), key: value}, "my.yaml")
    except ThinkscaleError as error:
        assert "my.yaml: " in str(error)


PAGE = (CONFIG / "README.md").read_text()


def pieces_of_yaml(begin: str, end: str) -> list[str]:
    """The examples of the documentation between two headings."""
    part = PAGE.partition(f"# {begin}\n")[2].partition(f"# {end}\n")[0]
    return re.findall(r"```yaml\n(.*?)```", part, re.DOTALL)


def test_the_committed_documentation_is_what_would_be_written(tmp_path):
    shutil.copy(CONFIG / "README.md", tmp_path)
    docs.write(tmp_path)
    for name in ("README.md", "schema.json"):
        written = (tmp_path / name).read_text()
        assert (CONFIG / name).read_text() == written, "run python -m thinkscale.config.docs"


def test_every_key_is_documented_once():
    text = PAGE
    for key in ("study", "items.columns.cluster", "inference.thinking.start", "figures.dpi"):
        assert text.count(f"\n| `{key}` |") == 1
    assert "models[].inference.temperature" not in text
    assert "| `conditions.max_think` | list (whole number ≥ 0), not empty | none | thinking" in text
    assert "| `inference.temperature` | number ≥ 0 | `0.6` |" in text


def test_the_example_of_the_documentation_is_a_study(folder):
    Path("data").mkdir()
    Path("data/my-items.csv").write_text("id\n")
    [example] = pieces_of_yaml("A study of your own", "Markers of thinking")
    assert parse_study(yaml.safe_load(example), "example").study == "my-items"


def test_the_pieces_of_the_documentation_are_parts_of_a_study(folder):
    pieces = pieces_of_yaml("Markers of thinking", "Item banks")
    thinking, unforced, budgets = map(yaml.safe_load, pieces)
    thinking["models"][0] |= {"path": "model"}
    del thinking["models"][0]["hub"], thinking["models"][0]["revision"]
    made = parse_study({**study(), **thinking, **budgets, "corpora": []}, "example")
    assert parse_study({**study(), **unforced}, "example").conditions.no_think
    assert made.inference.thinking.answer_prompt == "\nAnswer:"
    assert made.models[0].inference.thinking.template_options == {"enable_thinking": True}
    for name in Thinking.model_json_schema()["properties"]["preset"]["anyOf"][0]["enum"]:
        assert f"\n| `{name}` |" in PAGE


def test_the_schema_refuses_unknown_keys_and_knows_the_demo_study():
    schema = json.loads(docs.schema())
    blocks = [schema, *schema["$defs"].values()]
    assert all(block["additionalProperties"] is False for block in blocks)
    demo = yaml.safe_load((CONFIG / "config.yaml").read_text())
    assert set(demo) <= set(schema["properties"])
