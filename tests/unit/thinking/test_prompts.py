"""From items to token ids: templates, BOS, the opening of thinking, forced strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers
from tokenizers.processors import TemplateProcessing

import tiny
from thinkscale.config.inference import Prompt
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.prompts import (
    encode,
    encode_prompt,
    forcing,
    render,
    step_ends,
    user_message,
)

# Renders the messages between marks, and opens thinking where DeepSeek-R1's distills do.
PLAIN = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
OPENING = PLAIN.replace("[assistant]{%", "[assistant]<think>\n{%")
BOS = "{{ bos_token }}"

ITEM = {
    "stem": "What is {x} in f'{y}'? {stem} {} }{",
    "options": [{"label": "A", "text": "{label}"}, {"label": "B", "text": "100 %s \\n"}],
}


def words(template=PLAIN, *, adds_bos=False):
    made = tiny.tokenizer(bos=True)
    made.chat_template = template
    if adds_bos:
        made.backend_tokenizer.post_processor = TemplateProcessing(
            single="<|bos|> $A", special_tokens=[("<|bos|>", made.bos_token_id)]
        )
        assert made("x").input_ids[0] == made.bos_token_id
    return made


def test_stem_and_options_fill_the_template_braces_and_all():
    text = user_message(ITEM, "Q: {stem}\n{options}\n{{end}}", "({label}) {text}", "; ")
    assert text == "Q: What is {x} in f'{y}'? {stem} {} }{\n(A) {label}; (B) 100 %s \\n\n{end}"


@given(st.text(), st.text())
def test_any_text_survives_the_template(stem, option):
    item = {"stem": stem, "options": [{"label": "A", "text": option}]}
    assert user_message(item, "<{stem}|{options}>", "{label}{text}", "") == f"<{stem}|A{option}>"


def test_thinking_is_opened_once():
    assert render(words(), "hi") == "[user]hi[assistant]<think>\n"
    assert render(words(OPENING), "hi") == "[user]hi[assistant]<think>\n"
    # A template may open thinking without the newline: that is open, too.
    bare = OPENING.replace("<think>\n", "<think>")
    assert render(words(bare), "hi") == "[user]hi[assistant]<think>"
    marker = "<|im_start|>think"
    assert render(words(), "hi", start=marker) == f"[user]hi[assistant]{marker}"
    assert render(words(), "hi", start="") == "[user]hi[assistant]"


def test_what_the_user_writes_does_not_open_thinking():
    assert render(words(), "say <think>\n").endswith("[assistant]<think>\n")


def test_system_messages_are_there_only_where_given():
    assert render(words(), "hi", system="be brief").startswith("[system]be brief[user]hi")
    assert "[system]" not in render(words(), "hi")


def test_without_a_chat_template_the_message_stands_as_it_is():
    tokenizer = words()
    tokenizer.chat_template = None
    assert render(tokenizer, "hi") == "hi\n<think>\n"
    assert render(tokenizer, "hi", system="be brief") == "be brief\n\nhi\n<think>\n"


STRICT = "{% if messages[0].role == 'system' %}{{ raise_exception('no such role') }}{% endif %}"
ALONE = "{% if messages | length > 2 %}{{ raise_exception('one message') }}{% endif %}" + PLAIN


def test_a_refused_system_message_is_named_and_can_go_to_the_user():
    with pytest.raises(ThinkscaleError) as raised:
        render(words(STRICT + PLAIN), "hi", system="be brief", examples=EXAMPLES)
    said = str(raised.value)
    assert said.startswith("`inference.prompt.system`: ") and "no such role" in said
    assert "`inference.prompt.system_role: user`" in said and len(said.splitlines()) == 1
    how = {"system": "be brief", "system_role": "user"}
    assert render(words(STRICT + PLAIN), "hi", **how).startswith("[user]be brief\n\nhi[assistant]")
    shown = render(words(STRICT + PLAIN), "hi", **how, examples=EXAMPLES)
    assert shown.startswith("[user]be brief\n\n1+1?[assistant]") and shown.count("be brief") == 1
    assert render(words(), "hi", system_role="user") == render(words(), "hi")


def test_other_refusals_are_named_too():
    with pytest.raises(ThinkscaleError, match=r"^`inference\.prompt\.examples`: .*one message"):
        render(words(ALONE), "hi", system="so", examples=EXAMPLES)
    assert render(words(ALONE), "hi", system="so")
    with pytest.raises(ThinkscaleError, match=r"^`inference\.prompt`: .*never"):
        render(words("{{ raise_exception('never') }}"), "hi", system="so", examples=EXAMPLES)


def test_thinking_is_switched_off_whether_or_not_the_template_opened_it():
    off = {"start": "<think>\n\n</think>\n\n", "opening": "<think>\n"}
    closed = "[user]hi[assistant]<think>\n\n</think>\n\n"
    for template in (PLAIN, OPENING, OPENING.replace("<think>\n", "<think>\n\n</think>\n\n")):
        assert render(words(template), "hi", **off) == closed
    assert render(words(OPENING), "hi", start="", opening="<think>").endswith("<think>\n")
    bare = "{{ messages[0]['content'] }}{{ '\\n' }}"
    assert render(words(bare), "hi", start="so:", opening="") == "hi\nso:"


@pytest.mark.parametrize("closed", ["<think>\n\n</think>\n\n", "</think>", "<think> </t>\n"])
def test_a_thought_that_the_template_closes_is_named(closed):
    how = {"end": ["</think>", "</t>"], "template_options": {"x": 1}}
    with pytest.raises(ThinkscaleError) as raised:
        render(words(PLAIN + "{{ '" + closed.replace("\n", "\\n") + "' }}"), "hi", **how)
    said = str(raised.value)
    assert said.startswith("`inference.thinking.template_options`: found {'x': 1}, with which")
    assert "`conditions.no_think: true`" in said and len(said.splitlines()) == 1


def test_only_what_the_template_writes_last_closes_thinking():
    how = {"end": ["</think>"]}
    for tail in ("<think></think>So", "<think>"):
        assert render(words(PLAIN + tail), "hi", **how).startswith("[user]hi[assistant]" + tail)
    assert render(words(), "hi</think>", **how).endswith("</think>[assistant]<think>\n")
    assert render(words(None), "hi</think>", **how) == "hi</think>\n<think>\n"
    assert render(words(PLAIN + "</think>"), "hi", start="", **how).endswith("</think>")


EXAMPLES = [{"user": "1+1?", "assistant": "2\nAnswer: A"}, {"user": "{stem}", "assistant": "B"}]


def test_examples_are_earlier_turns():
    said = "[user]1+1?[assistant]2\nAnswer: A[user]{stem}[assistant]B[user]hi[assistant]<think>\n"
    assert render(words(), "hi", examples=EXAMPLES) == said
    assert render(words(), "hi", examples=EXAMPLES, system="so") == "[system]so" + said


def test_examples_without_a_chat_template_have_the_form_of_the_message():
    tokenizer = words(None)
    text = render(tokenizer, "hi", system="so", examples=EXAMPLES, start="")
    assert text == "so\n\n1+1?\n2\nAnswer: A\n\n{stem}\nB\n\nhi\n"


def test_options_reach_the_chat_template():
    switched = words(PLAIN + "{% if loud is defined and loud %}!{% endif %}")
    assert render(switched, "hi", start="") == "[user]hi[assistant]"
    assert render(switched, "hi", start="", template_options={"loud": True}).endswith("!")
    assert render(switched, "hi", start="", template_options={"loud": False}).endswith("]")


@pytest.mark.parametrize("template", [PLAIN, BOS + PLAIN, None])
@pytest.mark.parametrize("adds_bos", [False, True])
def test_one_bos_never_two(template, adds_bos):
    tokenizer = words(template, adds_bos=adds_bos)
    ids = encode_prompt(tokenizer, render(tokenizer, "hi"))
    expected = adds_bos or template == BOS + PLAIN
    assert ids.count(tokenizer.bos_token_id) == expected
    assert (ids[0] == tokenizer.bos_token_id) == expected
    assert tokenizer.decode(ids).removeprefix("<|bos|>").endswith("<think>\n")


def test_a_tokenizer_without_bos_gets_none():
    tokenizer = tiny.tokenizer()
    assert tokenizer.bos_token_id is None
    assert tokenizer.decode(encode_prompt(tokenizer, "hi")) == "hi"


@given(st.text(max_size=20))
def test_pieces_of_a_trace_have_no_bos(text):
    tokenizer = words(adds_bos=True)
    ids = encode(tokenizer, text)
    assert tokenizer.bos_token_id not in ids
    assert tokenizer.decode(ids) == text


def test_forced_strings_are_pieces():
    tokenizer = words(adds_bos=True)
    made = forcing(
        tokenizer,
        end=["</think>", "</t>"],
        answer_prompt="\n\nFinal Answer:",
        continuations=["Wait", ""],
        max_answer=7,
        max_swaps=2,
    )
    assert [tokenizer.decode(marker) for marker in made.think_end] == ["</think>", "</t>"]
    assert tokenizer.decode(made.answer_prompt) == "\n\nFinal Answer:"
    assert made.continuations == {"Wait": encode(tokenizer, "Wait"), "(nothing)": ()}
    every = [*made.think_end, made.newline, made.answer_prompt, *made.continuations.values()]
    assert not any(tokenizer.bos_token_id in ids for ids in every)
    assert (made.max_answer, made.max_swaps) == (7, 2)
    assert made.ends_in_newline(encode(tokenizer, "so\n"))
    assert not made.ends_in_newline(encode(tokenizer, "so\nit"))
    assert not made.ends_in_newline(())


def test_the_empty_continuation_goes_by_its_name_and_puts_nothing_in():
    made = forced(continuations=["Wait", ""])
    assert made.continuation("(nothing)", b"row", 0) == ()
    assert made.continuation("Wait", b"row", 0) == made.continuation("Wait", b"other", 5) != ()


def test_drawn_continuations_come_from_the_list():
    texts = ["Wait", "", "Let me look at that again."]
    made = forced(continuations=texts, continuation_choice="drawn")
    drawn = {made.continuation("(drawn)", b"row", swap) for swap in range(60)}
    assert drawn == {encode(tiny.tokenizer(), text) for text in texts}
    with pytest.raises(KeyError):
        made.continuation("Wait", b"row", 0)


def forced(**changes):
    settings = {"end": ["</t>"], "answer_prompt": "", "max_answer": 1, "max_swaps": 1}
    return forcing(tiny.tokenizer(), **{**settings, **changes})


PIECES = {"option": "{label}. {text}", "separator": "\n"}


def test_without_a_template_options_are_asked_for_by_letter():
    asked = {"stem": "Is {x} so?", "options": [{"label": "A", "text": "yes"}]}
    assert user_message(asked, None, **PIECES) == (
        "Is {x} so?\n\nA. yes\n\nChoose the best option. End with the line `Answer: ` and its "
        "letter."
    )


def test_without_a_template_and_options_the_answer_is_asked_for():
    asked = {"stem": "How many {x}?", "options": []}
    assert user_message(asked, None, **PIECES) == (
        "How many {x}?\n\nEnd with the line `Answer: ` and the answer."
    )


def test_a_template_need_not_have_options():
    assert user_message({**ITEM, "options": []}, "{stem}!", **PIECES) == ITEM["stem"] + "!"
    assert Prompt(template="{stem}").template == "{stem}"
    assert Prompt().template is None


def test_what_ends_a_step_must_be_writable_and_no_part_of_what_ends_thinking():
    words = tiny.tokenizer()
    newline, marker = encode(words, "\n"), encode(words, "</think>")
    assert step_ends(words, "\n", (marker,)) == (newline,)
    assert step_ends(words, "\n\n", (marker,)) == (newline * 2,)
    assert step_ends(words, ">", (marker,)) == (marker[-1:],)  # both end at once: the longer counts
    with pytest.raises(ThinkscaleError, match="found '/', which stands within the mark"):
        step_ends(words, "/", (marker,))
    words.backend_tokenizer.normalizer = normalizers.Replace("é", "")
    with pytest.raises(ThinkscaleError, match="found 'é', for which the model's tokenizer has no"):
        step_ends(words, "é", (marker,))
