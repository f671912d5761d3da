"""The grader of structure: sections, lengths, JSON by a schema; whatever a model wrote."""

import json
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import ValidationError

from thinkscale.config.structure import StructureGrader
from thinkscale.data.spelling import heading_name
from thinkscale.grading import GRADERS, Facts, grade
from thinkscale.grading.structure import (
    NoJson,
    StructureSettings,
    canonical,
    count_words,
    find_json,
    find_sections,
    judge_structure,
)

ITEM = Facts("i", (), None, None)
BRIEF = [
    {"title": "Title", "max_words": 12},
    {"title": "Executive summary", "alternatives": ["Summary"], "min_words": 5},
    {"title": "Key policy implications", "min_words": 3},
]
GOOD = """\
## Title
Night buses bring evening work

## Executive summary
An hour more of night buses raised evening employment by three percent.

## Key policy implications
1. Extend lines where shifts end late.
2. Ask employers for timetables.
"""


def settings(**keys) -> StructureSettings:
    return StructureSettings(**StructureGrader(**keys).model_dump())


def judged(text, **keys):
    extraction, outcome = judge_structure(text, ITEM, settings(**keys))
    return outcome, extraction.label, extraction.detail


@pytest.mark.parametrize(
    "heading",
    [
        "## {}", "### **{}**", "# {} #", "#{}", "## 2. {}", "## {}:", "**{}**", "**{}:**",
        "**{}**:", "__{}__", "*{}*", "{}:", "{}", "2. {}", "2) {}", "II. {}", "**2. {}**",
        "2. **{}**", "2. **{}:**", "- **{}**", "> ## {}", "Section 2: {}", "## Section 2 - {}",
        "  {}  ", "{}：",
    ],
)  # fmt: skip
@pytest.mark.parametrize("title", ["Executive summary", "EXECUTIVE SUMMARY", "executive  summary"])
def test_shapes_of_headings(heading, title):
    text = GOOD.replace("## Executive summary", heading.format(title))
    assert judged(text, sections=BRIEF)[:2] == ("correct", "3 of 3 sections"), text


@pytest.mark.parametrize(
    "line", ["Executive summary: five words are quite enough", "**Executive summary** five words "
             "are quite enough", "**Executive summary:** five words are quite enough",
             "1. **Executive summary**: five words are quite enough"],
)  # fmt: skip
def test_a_section_may_begin_behind_its_heading(line):
    text = GOOD[: GOOD.index("## Exec")] + line + "\n\n" + GOOD[GOOD.index("## Key") :]
    assert judged(text, sections=BRIEF)[0] == "correct"
    found = find_sections(line, {"executive summary": "it"})
    assert (found["it"].words, found["it"].times) == (5, 1)


@pytest.mark.parametrize(
    "line", ["The executive summary: nothing", "An executive summary", "I executive summary",
             "A executive summary:", "7executive summary", "Section executive summary",
             "Executive summaries:",
             "See ## Executive summary", "not **Executive summary** at all"],
)  # fmt: skip
def test_what_is_no_heading(line):
    assert find_sections(line, {"executive summary": "it"}) == {}


def test_what_is_missing_is_named():
    text = GOOD.replace("## Executive summary", "## Overview")
    outcome, label, detail = judged(text, sections=BRIEF)
    assert (outcome, label) == ("incorrect", "2 of 3 sections")
    assert detail == "section 'Executive summary' is missing"
    text = "Title: A\nSummary: too short\n**Key policy implications**\n"
    outcome, label, detail = judged(text, sections=BRIEF)
    assert (outcome, label) == ("incorrect", "1 of 3 sections")
    assert detail == (
        "section 'Executive summary' has 2 words, expected at least 5; "
        "section 'Key policy implications' is empty"
    )
    long = GOOD.replace("Night buses", "buses " * 20)
    assert "section 'Title' has 23 words, expected at most 12" in judged(long, sections=BRIEF)[2]


def test_a_section_need_not_be_there_but_keeps_its_bounds():
    sections = [BRIEF[0], {"title": "Limits", "required": False, "min_words": 3}]
    assert judged("# Title\nNight", sections=sections)[:2] == ("correct", "1 of 1 section")
    outcome, label, detail = judged("# Title\nNight\n# Limits\none", sections=sections)
    assert (outcome, label) == ("incorrect", "1 of 1 section")
    assert detail == "section 'Limits' has 1 word, expected at least 3"


def test_order_is_looked_at_only_where_asked():
    first, rest = GOOD.split("## Executive")
    text = "## Executive" + rest + first
    assert judged(text, sections=BRIEF)[0] == "correct"
    outcome, _, detail = judged(text, sections=BRIEF, ordered=True)
    assert outcome == "incorrect"
    assert detail == (
        "sections come in the order Executive summary, Key policy implications, Title"
    )
    assert judged(GOOD, sections=BRIEF, ordered=True)[0] == "correct"


def test_of_headings_there_twice_the_fullest_counts():
    outline = "Title\nExecutive summary\nKey policy implications\n\n"
    assert judged(outline + GOOD, sections=BRIEF, ordered=True)[0] == "correct"
    assert judged(GOOD + "\n" + outline, sections=BRIEF, ordered=True)[0] == "correct"
    short = GOOD.replace("raised evening employment by three percent", "") * 2
    sections = [{"title": "Executive summary", "min_words": 30}]
    assert "section 'Executive summary' (2 times) has" in judged(short, sections=sections)[2]


def test_where_a_section_ends():
    titles = {"a": "a", "b": "b"}
    words = {
        "## A\none two\n### Deeper\nthree\n## B\nfour": {"a": 4, "b": 1},
        "## A\none\n## Other\ntwo\n## B\nfour": {"a": 1, "b": 1},
        "**A**\none\n### Other\ntwo\n**B**\nfour": {"a": 1, "b": 1},
        "**A**\none\n**Other**\ntwo": {"a": 3},
        "## A\nhere is A: not a heading\nB: one": {"a": 6, "b": 1},
        "before\n## A\n---\n": {"a": 0},
    }
    for text, expected in words.items():
        found = {name: section.words for name, section in find_sections(text, titles).items()}
        assert found == expected, text


def test_length_of_the_whole():
    assert judged("one two three", min_words=3, max_words=3) == (
        "correct", "3 words", "all that is required; 3 words",
    )  # fmt: skip
    assert judged("one two", min_words=3)[2] == "the answer has 2 words, expected at least 3"
    assert judged("a b c d", max_words=3)[2] == "the answer has 4 words, expected at most 3"
    assert count_words("a - b, — 3 … #") == 3


@pytest.mark.parametrize("text", ["", "  \n", "--- …", "<|im_end|>", "<think>not done"])
def test_no_answer_is_ungradable(text):
    assert judged("{}", json_schema={})[:2] == ("correct", "{}")
    assert judged(text, sections=BRIEF) == ("ungradable", None, "the answer is empty")


def test_only_what_comes_behind_thinking_counts():
    assert judged("## Title\nno</think>" + GOOD, sections=BRIEF)[0] == "correct"
    assert judged(GOOD + "</think>\n\nno title", sections=BRIEF)[0] == "incorrect"


# JSON

FIELDS = {
    "type": "object",
    "required": ["title", "stage", "names"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 2},
        "stage": {"enum": ["idea", "pilot"]},
        "names": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}
VALUE = {"title": "Wand", "stage": "idea", "names": ["Ö", "B"]}
CANONICAL = '{"names":["Ö","B"],"stage":"idea","title":"Wand"}'


@pytest.mark.parametrize(
    "text",
    [
        "{}", "```json\n{}\n```", "Here it is:\n```json\n{}\n```\nThat was it.", "So: {} Good?",
        "Fill {{in}} this: {}", "~~~JSON\n{}\n~~~", "```\n{}\n```", "```json\n{}", "a }} b {} {{",
        '```json\n{}\n```\n```json\n{{"title": 3}}\n```', '{}\n{{"title": 3}}', 
        "\\{{x\\}} {}<|eos|>",
    ],
)  # fmt: skip
def test_json_is_found(text):
    text = text.format(json.dumps(VALUE, indent=1))
    assert judged(text, json_schema=FIELDS)[:2] == ("correct", CANONICAL), text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nothing", "there is no JSON object"),
        ("a { b } [1]", "there is no JSON object"),
        ('{"title": }', "its JSON is not valid (Expecting value, line 1)"),
        ('{"title": "x"', "its JSON is not valid (Expecting ',' delimiter, line 1)"),
        ("{'title': 1}", "there is no JSON object"),
        ('{"a": 1, "a": 2}', 'its JSON has the key "a" twice'),
        ('{"a": NaN}', "its JSON holds NaN, which is no JSON"),
        ('{"a": -1e999}', "its JSON holds a number that is too large"),
        ('{"a": ' + "1" * 5000 + "}", "its JSON holds a number that is too long"),
        ('{"a":' * 200 + "1" + "}" * 200, "its JSON is nested too deeply"),
        ('{"a":' * 99999, "its JSON is nested too deeply"),
        ('{"a":' + "[" * 99999, "its JSON is nested too deeply"),
        ("```json\n{} {}\n```", "its JSON is followed by something else"),
        ("```json\n\n```", "its JSON is not valid (Expecting value, line 1)"),
        # An outer object that is broken does not make an inner one the answer.
        ('{"a": {"title": "x"}, }', "its JSON is not valid (Expecting property name"),
    ],
)
def test_what_is_no_json_is_said(text, why):
    with pytest.raises(NoJson):
        find_json(text)
    outcome, label, detail = judged(text, json_schema=FIELDS)
    assert (outcome, label) == ("incorrect", None)
    assert detail.startswith(why)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"title": None}, "`title` is null, expected type string"),
        ({"title": "x"}, "`title` has 1, expected at least 2"),
        ({"stage": "sold"}, '`stage` is "sold", expected one of ["idea", "pilot"]'),
        ({"names": ["a", 1]}, "`names[1]` is 1, expected type string"),
        ({"more": 1}, "the JSON: Additional properties are not allowed ('more' was unexpected)"),
    ],
)
def test_what_the_json_lacks_is_said(change, why):
    assert judged(json.dumps({**VALUE, **change}), json_schema=FIELDS)[::2] == ("incorrect", why)


def test_missing_fields_are_named_each_once():
    assert judged("{}", json_schema=FIELDS)[2] == "the JSON lacks `title`, `stage`, `names`"


def test_many_faults_are_counted():
    schema = {"items": {"type": "string"}}
    detail = judged(json.dumps(list(range(50))), json_schema=schema)[2]
    assert detail.startswith("`[0]` is 0, expected type string; `[1]`")
    assert detail.endswith("; 45 more")


def test_canonical_json_can_be_written_to_any_file():
    assert canonical({"b": "ü", "a": [1.0, None]}) == '{"a":[1.0,null],"b":"ü"}'
    lone = judged('{"a": "\\ud800"}', json_schema={})
    assert lone[0] == "correct"
    lone[1].encode()
    detail = judged('{"stage": "\\ud800"}', json_schema=FIELDS)[2]
    detail.encode()


def test_sections_and_json_together():
    keys = {"sections": BRIEF, "json_schema": FIELDS}
    both = GOOD + "\n```json\n" + json.dumps(VALUE) + "\n```\n"
    assert judged(both, **keys)[:2] == ("correct", CANONICAL)
    assert judged(GOOD, **keys)[:2] == ("incorrect", "3 of 3 sections")


# Untrusted text

HOSTILE = [
    "#" * 60000, "*" * 60000, "**" + "a " * 40000, ":" * 60000, "{" * 60000, '{"' * 30000,
    '{"a":{' * 10000, "```json\n" * 10000, " " * 60000 + "x", "1." * 30000, "section " * 10000,
    "_*" * 30000 + ":", "\n" * 60000 + "a", '{"a":"' + "{ " * 30000, 
    "\\" * 60000 + '"', "{ \n" * 20000,
    "[" * 60000 + "]", '{"a":[' + "{}," * 20000, '{"":1,' * 20000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_takes_long(text):
    began = time.process_time()
    judged(text, sections=BRIEF, json_schema=FIELDS)
    assert time.process_time() - began < 1.0


@how(deadline=None)
@given(st.text(alphabet='#*_:{}[]"\\1.a \n``json</think>', max_size=80))
def test_any_text_is_judged(text):
    outcome, _, detail = judged(text, sections=BRIEF, json_schema=FIELDS)
    assert outcome in ("incorrect", "ungradable") and detail
    assert (outcome == "ungradable") == (detail == "the answer is empty")


# The studies that are shipped

STUDIES = Path(__file__).parents[3] / "config" / "studies"


def shipped(name) -> dict:
    return yaml.safe_load((STUDIES / f"{name}.yaml").read_text())["grading"]["structure"]


BRIEF_TEXT = """\
**Title:** Longer night bus hours bring young people without a car into evening work

**Executive Summary**

Three cities began night bus lines at different times. {words}

**Key Policy Implications**

1. **Extend lines** to where shifts end after ten in the evening, beginning with quarters in which
   few households have two cars.
2. **Count the cost**: fares cover 38% of it, so that the rest is for the city to bear.
3. **Watch other quarters**: whether jobs were made or only moved, the study cannot tell.
"""


def test_a_policy_brief_of_the_shipped_study():
    keys = shipped("policy-briefs")
    good = BRIEF_TEXT.format(words="Evening employment rose by three percent near the lines. " * 12)
    assert judged(good, **keys)[:2] == ("correct", "3 of 3 sections")
    outcome, label, detail = judged(BRIEF_TEXT.format(words=""), **keys)
    assert (outcome, label) == ("incorrect", "2 of 3 sections")
    assert detail == (
        "the answer has 84 words, expected at least 150; "
        "section 'Executive summary' has 9 words, expected at least 40"
    )


def test_a_disclosure_of_the_shipped_study():
    keys = shipped("disclosure-fields")
    value = {
        "title": "Cold plasma wand for seed potatoes",
        "inventors": ["Maren Oduya", "Tobias Feld"],
        "field": "Plant Sciences",
        "stage": "prototype",
        "advantages": ["no chemicals", "no water"],
        "patent": "pending",
    }
    text = "```json\n{}\n```"
    assert judged(text.format(json.dumps(value, indent=2)), **keys)[0] == "correct"
    wrong = {**value, "stage": "tried at a grower's", "inventors": []}
    del wrong["patent"]
    assert judged(text.format(json.dumps(wrong)), **keys)[2] == (
        "the JSON lacks `patent`; `inventors` has 0, expected at least 1; "
        '`stage` is "tried at a grower\'s", expected one of '
        '["idea", "laboratory", "prototype", "pilot", "in use"]'
    )


# In a frame


def frame(text, answer_stop="eos", error=None):
    keys = {"model": ["m"], "item_id": ["i"], "sample": [0], "condition": ["natural"]}
    how = {"answer_text": [text], "stop": ["natural"], "answer_stop": [answer_stop]}
    return pd.DataFrame({**keys, **how, "answer_from": ["answer"], "error": [error]})


ITEMS = pd.DataFrame({"item_id": ["i"], "options": [[]], "key": [None], "answer_text": [None]})


def graded(*arguments):
    structure = StructureGrader(sections=BRIEF).model_dump()
    return grade(frame(*arguments), ITEMS, "structure", structure).iloc[0]


def test_an_answer_that_was_cut_is_ungradable_unless_all_is_there():
    cut = GOOD[:-75]
    assert graded(cut)["outcome"] == "incorrect"
    found = graded(cut, "limit")
    assert found["outcome"] == "ungradable"
    assert "section 'Key policy implications'" in found["detail"]
    assert "answer cut at its token limit" in found["detail"]
    assert graded(GOOD, "limit")["outcome"] == "correct"
    assert graded("", "none", "too long")["detail"] == "too long"


def test_the_forced_prompt_is_no_part_of_the_answer():
    assert not GRADERS["structure"].reads_prompt


# Configuration


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sections": [{"title": "…"}]}, "a heading with letters or digits"),
        ({"sections": [{"title": "A", "min_words": 3, "max_words": 2}]}, "`min_words` 3"),
        ({"min_words": 3, "max_words": 2}, "`min_words` 3 to be at most `max_words`, 2"),
        ({"sections": [{"title": "A"}, {"title": "**a**"}]}, "each heading once"),
        ({"sections": [{"title": "A", "alternatives": ["a."]}]}, "each heading once"),
        ({"sections": [{"title": "A"}], "ordered": True}, "at least two `sections`"),
        ({"sections": [{"title": "A", "min_words": 9}], "max_words": 8}, "at least 9"),
        ({"json_schema": {"type": "objekt"}}, "a JSON schema: `type`: 'objekt'"),
        ({"json_schema": {"properties": {"a": {"type": 3}}}}, "`properties.a.type`: 3"),
        ({"json_schema": {"$ref": "https://example.org/schema"}}, "names no part of it"),
        ({"json_schema": {"items": {"$ref": "#/$defs/no"}}}, "names no part of it"),
        ({"json_schema": {"pattern": "("}}, "`pattern`: '(' is not a 'regex'"),
        ({"json_schema": {"patternProperties": {"[": {}}}}, "'[' is not a 'regex'"),
        ({"json_schema": {"format": "colour"}}, "which is not checked here"),
        ({"json_schema": {"$schema": "mine"}}, "which is none that is known"),
    ],
)
def test_faults_of_the_configuration(keys, said):
    with pytest.raises(ValidationError) as error:
        StructureGrader(**keys)
    assert said in str(error.value)


def test_schemas_that_refer_to_themselves():
    tree = {"$defs": {"n": {"type": "object", "additionalProperties": {"$ref": "#/$defs/n"}}}}
    schema = {**tree, "$ref": "#/$defs/n"}
    assert judged('{"a": {"b": {}}}', json_schema=schema)[0] == "correct"
    assert judged('{"a": {"b": 1}}', json_schema=schema)[2] == "`a.b` is 1, expected type object"
    deep = '{"a":' * 99 + "{}" + "}" * 99
    assert judged(deep, json_schema=schema)[0] == "correct"


def test_nothing_asked_is_empty():
    assert StructureGrader().empty
    assert not StructureGrader(min_words=1).empty
    assert not StructureGrader(json_schema={}).empty


def test_names_of_headings():
    assert heading_name("  **Key—Policy:  Implications!** ") == "key policy implications"
    assert heading_name("Ｔｉｔｌｅ") == "title"
    assert heading_name("…") == ""
