"""What the hub refuses is one message that says what to do."""

from types import SimpleNamespace

import pytest
from huggingface_hub import errors

from thinkscale.data.hub import in_short, refusals
from thinkscale.errors import ThinkscaleError

WHERE = "hub model a/b"
# As much of a response as the errors of huggingface_hub look at.
RESPONSE = SimpleNamespace(headers={}, request=None)


def said(error: Exception, **how) -> str:
    with (
        pytest.raises(ThinkscaleError) as raised,
        refusals("hub model a/b", "a/b", "c0ffee", **how),
    ):
        raise error
    assert raised.value.__cause__ is error and "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.GatedRepoError, "the model is gated; accept its conditions on the hub"),
        (errors.RepositoryNotFoundError, "there is no model a/b on the hub, or it is private"),
        (errors.RevisionNotFoundError, "the model has no commit c0ffee; expected one of its own"),
    ],
)
def test_what_the_hub_says_of_a_repository(error, words):
    assert said(error("no", response=RESPONSE)).startswith(f"hub model a/b: {words}")


def test_an_id_that_is_none():
    assert said(errors.HFValidationError("bad\nid")) == "hub model a/b: bad id"


def test_what_is_neither_cached_nor_reachable_can_be_fetched_elsewhere():
    error = errors.LocalEntryNotFoundError("no folder and outgoing traffic has been disabled")
    found = said(error, offline=True, file="tokenizer.json", instead=", or set `path`")
    assert found == (
        "hub model a/b is not in the local cache and could not be downloaded (`offline` is true: "
        "no folder); on a machine that reaches the hub run `hf download a/b tokenizer.json "
        "--revision c0ffee` and copy the cache here, or set `path`"
    )
    found = said(OSError("no route"), kind="data set")
    assert "(the hub cannot be reached: no route)" in found
    assert "`hf download a/b --repo-type dataset --revision c0ffee`" in found


def test_what_is_fine_passes():
    with refusals(WHERE, "a/b", "c0ffee"):
        pass


def test_long_errors_are_cut():
    assert in_short(ValueError("a  b\nc")) == "a b c" and in_short(ValueError()) == "ValueError"
    assert len(in_short(ValueError("x" * 999))) == 300
