"""The figure of one chain: which it is, where the forks lie, what its text shows."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from snakemake.iocontainers import InputFiles
from tokenizers import Tokenizer, decoders, models

from thinkscale.data import contracts
from thinkscale.figures import one_chain
from thinkscale.figures.core.frames import READS
from thinkscale.figures.core.style import DEFAULT, Look, Style, save
from thinkscale.figures.one_chain.ladder import said_of
from thinkscale.figures.one_chain.ribbon import LINES, set_ribbon, token_text
from thinkscale.figures.one_chain.thought import the_thought, width_of
from thinkscale.jobs.job import inputs

QUICK = Look(Style(dpi=60))
CONDITIONS = ("natural", "max=0", "max=4", "max=99", "waits=1", "waits=2;max=20")
WAIT, HMM = 900, 901


def study(lengths=(10,), model="m", continuations=("Wait",), after=9):
    """A chain per length: so many tokens, then `after` more behind each of two continuations."""
    chains, responses = [], []
    for number, natural in enumerate(lengths):
        key = {"model": model, "item_id": f"i{number}", "sample": 0}
        for which, name in enumerate(continuations):
            put_in = {"kind": "injected", "token_ids": [WAIT + which]}
            more = {"kind": "sampled", "token_ids": list(range(100, 100 + after))}
            first = {"kind": "sampled", "token_ids": list(range(natural))}
            segments = [first, put_in, more, put_in, more]
            chains.append(key | {"continuation": name, "segments": segments, "natural_end": True})
        once = natural + 1 + after
        at = {"natural": natural, "max=0": 0, "max=4": min(4, natural), "max=99": natural}
        for which, name in enumerate(continuations):
            end = f";continuation={name}" if which else ""
            places = {f"waits=1{end}": once, f"waits=2;max=20{end}": once + 3}
            for condition, tokens in places.items() if which else [*at.items(), *places.items()]:
                cut = tokens in (0, 4) or "max=20" in condition
                row = {"condition": condition, "think_tokens": tokens, "answer_tokens": 2}
                row |= {"answer_from": "answer", "no_think": False}
                row["continuation"] = name if "waits" in condition else np.nan
                row |= {"stop": "budget" if cut else "natural", "forced_end_tokens": 3 * cut}
                responses.append(key | row | {"answer_text": f" so {tokens}"})
    responses = pd.DataFrame(responses)
    graded = responses[["model", "item_id", "sample", "condition"]].copy()
    return pd.DataFrame(chains), responses, graded.assign(extracted="B", outcome="correct")


def test_what_was_not_asked_on_the_chain_is_no_fork_of_it():
    chains, responses, graded = study()
    natural = responses[responses["condition"] == "natural"]
    nothing = {"answer_tokens": 0, "answer_text": "", "forced_end_tokens": 0}
    others = pd.concat([
        natural.assign(condition="no_think", no_think=True, think_tokens=0),
        natural.assign(condition="truncate=4", answer_from="none", think_tokens=4, **nothing),
        natural.assign(condition="truncate=50"),
    ])  # fmt: skip
    marks = others[["model", "item_id", "sample", "condition"]]
    marks = marks.assign(extracted="B", outcome="correct")
    more = the_thought(chains, pd.concat([responses, others]), pd.concat([graded, marks]), "m")
    names = {name for fork in more.forks for name in fork.names}
    assert names == {*CONDITIONS, "truncate=50"}
    assert len(more.forks) == len(the_thought(chains, responses, graded, "m").forks)


def test_a_whole_turn_is_a_fork_for_which_nothing_was_written():
    chains, responses, graded = study()
    turn = {"answer_from": "turn", "answer_tokens": 0, "answer_text": "It is 4, I should think."}
    responses.loc[responses["condition"].isin(["natural", "max=99"]), list(turn)] = [*turn.values()]
    graded.loc[graded["condition"].isin(["natural", "max=99"]), "extracted"] = None
    [fork] = (f for f in the_thought(chains, responses, graded, "m").forks if f.at == 10)
    assert (fork.names, fork.end) == (("natural", "max=99"), 10)
    figure = one_chain.draw(chains, responses, graded, look=QUICK)
    assert any("“It is 4, I should" in text.get_text() for text in figure.findobj(Text))


def written(frame, name, folder):
    """A frame by its contract, with nothing in the columns that it lacks."""
    nothing = {"large_string": "", "int64": 0, "double": 0.0, "bool": False}
    for field in contracts.SCHEMAS[name]:
        if field.name not in frame and field.name not in contracts.OPTIONAL.get(name, ()):
            frame = frame.assign(
                **{field.name: None if field.nullable else nothing[f"{field.type}"]}
            )
    contracts.write(frame, folder / f"{name}.parquet", name)
    return str(folder / f"{name}.parquet")


def test_of_a_large_study_only_the_rows_of_the_chain_are_read(tmp_path):
    chains, responses, graded = study(lengths=(3, 20, 10, 7), continuations=("Wait", "Hmm"))
    thought = the_thought(chains, responses, graded, "m")
    paths = InputFiles(
        [written(chains, "chains", tmp_path), written(responses, "responses", tmp_path)]
    )
    among = one_chain.rows(paths, ["recorded", "m"])
    assert among == {"model": ["m"], "item_id": ["i3"], "sample": [0]}
    read = inputs(paths, READS, among)
    assert set(read["responses"]) == set(READS["responses"])
    assert read["chains"]["item_id"].tolist() == ["i3", "i3"]
    assert the_thought(read["chains"], read["responses"], graded, "m") == thought
    assert one_chain.rows(paths, ["recorded"]) == {}


def words_of(ids):
    return [{WAIT: "Wait", HMM: "Hmm"}.get(token, f" t{token}") for token in ids]


def record_of(directory, word_of):
    """The record of a model whose tokenizer gives each token the word that it is asked for."""
    vocabulary = {word_of(token): token for token in (*range(200), WAIT, HMM)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=word_of(0)))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(directory / "tokenizer.json"))
    return {"directory": str(directory)}


@pytest.fixture
def draw(tmp_path):
    record = record_of(tmp_path, lambda token: words_of([token])[0])
    return lambda frames: one_chain.draw(*frames, None, record, look=QUICK)


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def thought_of(frames):
    return the_thought(*frames, "m")


def test_the_chain_is_the_first_of_median_length():
    assert thought_of(study((30, 12, 5, 12, 40))).item_id == "i1"


def test_an_even_number_takes_the_lower_of_the_middle_lengths():
    assert thought_of(study((30, 12, 5, 18))).natural == 12


def test_only_the_first_model_counts():
    frames = [pd.concat(two) for two in zip(study((7,), "a"), study((9,), "b"), strict=True)]
    assert the_thought(*(f.reset_index(drop=True) for f in frames), "b").natural == 9


def test_an_item_that_did_not_fit_is_not_chosen():
    chains, responses, graded = study((3, 12, 14))
    assert thought_of((chains[chains["item_id"] != "i1"], responses, graded)).natural == 3


def test_conditions_at_one_place_are_one_fork_and_forks_come_in_order():
    forks = thought_of(study()).forks
    assert [(f.names, f.at, f.forced) for f in forks] == [
        (("max=0",), 0, 3),
        (("max=4",), 4, 3),
        (("natural", "max=99"), 10, 0),
        (("waits=1",), 20, 0),
        (("waits=2;max=20",), 23, 3),
    ]
    assert [f.branch for f in forks] == [None, None, None, "Wait", "Wait"]


def test_pieces_tell_who_wrote_them_and_where_thinking_ended():
    thought = thought_of(study())
    pieces = [*thought.trunk, *thought.branches[0].pieces]
    assert [(p.kind, p.start, p.stop, p.ended) for p in pieces] == [
        ("sampled", 0, 10, True),
        ("injected", 10, 11, False),
        ("sampled", 11, 20, True),
        ("injected", 20, 21, False),
        ("sampled", 21, 30, True),
    ]


def test_a_chain_cut_by_the_context_has_no_end(draw):
    chains, responses, graded = study()
    chains = chains.assign(natural_end=False)
    chains["segments"] = [segments[:1] for segments in chains["segments"]]
    thought = thought_of((chains, responses, graded))
    assert not thought.ended and not thought.branches
    assert any("cut by the context after 10 tokens" in text for text in words(draw(
        (chains, responses[responses["think_tokens"] <= 10], graded)
    )))  # fmt: skip


def test_every_condition_answer_and_token_of_a_short_chain_is_there(draw):
    figure = draw(study())
    found = words(figure)
    for expected in ("max=0", "natural, max=99", "waits=2;max=20", "B correct", "Wait", " t9"):
        assert expected in found, expected
    assert found.count("end") == 3
    ladder, ribbon = figure.axes
    assert "natural, max=99" in [label.get_text() for label in ladder.get_yticklabels()]
    assert "natural, max=99" in [text.get_text() for text in ribbon.texts]
    assert "Z incorrect" not in found
    chains, responses, graded = study()
    other = graded.assign(outcome="incorrect", extracted="Z")
    assert "Z incorrect" in words(draw((chains, responses, other)))


def test_bars_are_to_the_scale_of_tokens(draw):
    figure = draw(study())
    patches = figure.axes[0].findobj(Rectangle)
    spans = {(p.get_x(), p.get_x() + p.get_width()) for p in patches if p.get_width()}
    assert {(0, 10), (11, 20), (21, 30)} <= spans  # the chain
    assert {(4, 7), (7, 9)} <= spans  # the end put in at a budget of 4, then the answer


@pytest.mark.parametrize("palette", [["#0072B2"], ["#E69F00"], ["#0072B2", "#56B4E9"]])
def test_what_is_put_in_has_another_colour_than_what_the_model_wrote(palette):
    style = Style(dpi=60, palette=palette)
    bars = one_chain.draw(*study(), look=Look(style)).axes[0].findobj(Rectangle)
    colour = {(p.get_x(), p.get_width()): p.get_facecolor() for p in bars}
    assert same_color(colour[0, 10], palette[0])
    assert not same_color(colour[10, 1], palette[0]) and not same_color(colour[10, 1], "#56B4E9")


def test_continuations_are_branches_beside_each_other(draw):
    thought = thought_of(study(continuations=("Wait", "Hmm")))
    assert [branch.name for branch in thought.branches] == ["Wait", "Hmm"]
    assert [fork.branch for fork in thought.forks[3:]] == ["Wait", "Wait", "Hmm", "Hmm"]
    found = words(draw(study(continuations=("Wait", "Hmm"))))
    assert {"thought once", "then “Wait”", "then “Hmm”", "then “Hmm”:"} <= set(found)


def test_a_long_chain_keeps_what_lies_around_its_forks():
    frames = study((3000,), after=2000)
    ribbon = set_ribbon(thought_of(frames), texts_of(frames), 480, DEFAULT)
    assert not ribbon.whole and len(ribbon.lines) <= LINES
    cells = [cell for line in ribbon.lines for _, cell in line.cells]
    shown = {cell.text for cell in cells}
    assert {" t0", " t3", " t2999", "Wait", "end"} <= shown
    left_out = sum(
        int(cell.text.split()[1].replace(",", "")) for cell in cells if cell.kind == "gap"
    )
    kept = sum(cell.kind in ("sampled", "injected") for cell in cells)
    assert left_out + kept == 3000 + 2 * 2001
    labels = [label for line in ribbon.lines for *_, label in line.labels]
    assert labels == ["max=0", "max=4", "natural, max=99", "waits=1", "waits=2;max=20"]


def texts_of(frames):
    return {name: words_of(ids) for name, ids in thought_of(frames).ids.items()}


def test_text_stays_inside_and_labels_apart():
    frames = study((40,), after=30)
    ribbon = set_ribbon(thought_of(frames), texts_of(frames), 300, DEFAULT)
    for line in ribbon.lines:
        assert all(x + cell.width <= 300 for x, cell in line.cells)
        spans = [(level, x, x + width_of(w, DEFAULT)) for _, x, level, w in line.labels]
        for i, (level, start, stop) in enumerate(spans):
            assert start >= 0 and stop <= 300
            assert all(level != a or stop < b or c < start for a, b, c in spans[:i])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a↵b"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202eabc", "\\u202eabc"),
        ("$x^2$", "$x^2$"),
        ("\U000f0000", "\\U000f0000"),
    ],
)
def test_untrusted_tokens_are_seen(text, shown):
    assert token_text(text, DEFAULT) == shown


def test_long_words_are_cut():
    assert len(token_text("x" * 500, DEFAULT)) == 18
    assert "…" in token_text("x" * 500, DEFAULT)


def test_untrusted_text_draws_and_stays_on_the_figure(tmp_path):
    frames = study()
    frames[1]["answer_text"] = "\u202e$\\frac{$ \x00\n" * 50
    frames[2]["extracted"], frames[2]["outcome"] = np.nan, "ungradable"
    record = record_of(tmp_path, lambda token: "$\\frac{\u202e" + "y" * 99 + str(token))
    figure = one_chain.draw(*frames, None, record, look=QUICK)
    figure.draw_without_rendering()
    width = figure.bbox.width
    ladder, ribbon = figure.axes
    for text in [*figure.texts, *ladder.texts, *ribbon.texts, *ladder.get_yticklabels()]:
        assert 0 <= text.get_window_extent().x0 <= text.get_window_extent().x1 <= width
        assert not text.get_parse_math(), text.get_text()
    assert said_of(thought_of(frames).forks[0], QUICK.style)[0].startswith("“\\u202e")


def test_without_a_tokenizer_the_rows_remain(tmp_path):
    record = {"directory": str(tmp_path)}
    assert one_chain.token_reader(tmp_path / "tokenizer.json") is None
    found = words(one_chain.draw(*study(), None, record, look=QUICK))
    assert "max=0" in found and " t9" not in found
    assert any("no tokenizer.json" in text.replace("\n", " ") for text in found)


def test_characters_of_several_tokens_come_whole(tmp_path):
    alphabet = {"Ġ": 0, "Ã": 1, "©": 2, "a": 3}  # "é" is the two bytes Ã and ©
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    read = one_chain.token_reader(tmp_path / "tokenizer.json")
    assert read([3, 0, 1, 2, 77, 3]) == ["a", " ", "", "é", "<77>", "a"]


def test_nothing_to_draw_says_so():
    chains, responses, graded = study()
    for frames in (
        (None, responses, graded),
        (chains, responses, graded[:0]),
        (chains[:0], responses, graded),
    ):
        assert "no data" in words(one_chain.draw(*frames, look=QUICK))[0]
    ungraded = one_chain.draw(chains, responses, graded.assign(outcome=np.nan), look=QUICK)
    assert "graded" in words(ungraded)[0]


def test_the_same_figure_is_the_same_bytes(draw, tmp_path):
    for name in ("a", "b"):
        save(draw(study()), tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
