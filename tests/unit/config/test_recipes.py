"""Recipes and exports in a study's configuration."""

import pytest

import tiny
from studies import message, study
from thinkscale.config import parse_study
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_teachers

pytestmark = pytest.mark.usefixtures("folder")


def distilled(teacher="expert", **changes):
    """A study of three models, the last one taught by the second."""
    values = study(**{"models.1": {"name": "expert", "path": "model"}})
    derive = {"parent": "one", "recipe": "gkd", "corpus": "traces", "teacher": teacher}
    values["models"].append({"name": "pupil", "derive": {**derive, **changes}})
    return values


def test_a_student_has_its_teacher():
    derive = parse_study(distilled(), "my.yaml").models[2].derive
    assert (derive.teacher, derive.gkd.beta, derive.save_steps) == ("expert", 1.0, None)


@pytest.mark.parametrize("teacher", [None, "expart", "pupil"])
def test_a_teacher_is_another_model_that_thinks(teacher):
    said = message(distilled(teacher))
    assert "`models[2].derive.teacher` (pupil)" in said and "(one, expert)" in said


def test_a_teacher_is_there_before_its_student():
    values = distilled()
    grown = {"parent": "pupil", "corpus": "traces"}
    values["models"][1] = {"name": "expert", "derive": grown}
    said = "`models[2].derive.teacher` (pupil): a model cannot derive from itself"
    assert said in message(values)


def test_keys_of_other_recipes_are_refused():
    assert "expected it only with `gkd`" in message(study(**{"models.1.derive.teacher": "one"}))
    lengths = [{"by": "tokens", "instruction": "{message} in {length} tokens"}]
    assert "`models[2].derive.lengths`" in message(distilled(lengths=lengths))
    assert "beta" in message(distilled(gkd={"beta": 2}))


def test_what_is_measured_while_training_has_items_and_a_grader():
    assert parse_study(distilled(eval_steps=5), "my.yaml").models[2].derive.held_out.n == 100
    values = distilled(eval_steps=5) | {"items": {"source": "bank.csv"}}
    assert "`models[2].derive.held_out.bank` (pupil): missing" in message(values)


def test_what_is_exported_thinks_and_has_weights():
    read = parse_study(study(**{"models.0.export": {"gguf": {}}}), "my.yaml")
    assert read.models[0].export.gguf.outtype == "auto" and read.models[1].export.gguf is None
    judge = {"parent": "one", "recipe": "reward_model"}
    values = study()
    values["models"].append({"name": "judge", "derive": judge, "export": {"gguf": {}}})
    assert "`models[2].export.gguf` (judge): found with a reward model" in message(values)


def test_a_teacher_of_another_vocabulary_is_told_before_anything_runs(tmp_path):
    values = distilled()
    for index, size in ((0, 300), (1, 400)):
        directory = tiny.save(tmp_path / f"{size}", "llama", vocab_size=size)
        values["models"][index]["path"] = str(directory)
    with pytest.raises(ThinkscaleError, match=r"my\.yaml: `models\[2\]` \(pupil\).*300.*400"):
        check_teachers(parse_study(values, "my.yaml"), "my.yaml")
    values["models"][1]["path"] = values["models"][0]["path"]
    check_teachers(parse_study(values, "my.yaml"), "my.yaml")
