"""Places on the Hugging Face hub: the keys that say which files are read, and at which commit."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from pydantic.types import StrictBool

from thinkscale.config.section import Section, Text

_COMMIT = r"[0-9a-f]{40}"
_REPOSITORY = r"\w[\w.-]*(/\w[\w.-]*)?"

DataSetId = Annotated[
    Text | None,
    Field(description="Id of a Hugging Face data set, instead of `source`: `owner/name`."),
]
ModelId = Annotated[Text | None, Field(description="Id of a Hugging Face model: `owner/name`.")]
Commit = Annotated[
    Text | None,
    Field(
        description="Commit of what `hub` names, 40 hexadecimal digits; needed with `hub`, so that "
        "a rerun is a rerun."
    ),
]
Subset = Annotated[
    Text | None,
    Field(description="Subset of the hub data set. Default: its only or default one."),
]
Split = Annotated[Text | None, Field(description="Split of the hub data set; needed with `hub`.")]
Offline = Annotated[
    StrictBool,
    Field(
        description="Never ask the hub: what is not in its local cache is an error that says what "
        "to download."
    ),
]


def one_place_faults(section: Section, key: str, other: str) -> Iterable[str]:
    """Yield a fault unless a section names one place: by `hub`, or by the `other` key."""
    if (getattr(section, other) is None) == (section.hub is None):
        found = "neither" if section.hub is None else "both"
        yield f"`{key}`{_whose(section)}: found {found}; expected one of `{other}`, `hub`"


def faults(section: Section, key: str, kind: str) -> Iterable[str]:
    """Yield what is wrong with the keys of a place on the hub, of the section at `key`.

    kind: "model" or "data set".
    """
    given = {name: getattr(section, name, None) for name in ("revision", "config", "split")}
    whose = _whose(section)
    if section.hub is None:
        for name, found in given.items():
            if found is not None:
                yield f"`{key}.{name}`{whose}: found {found!r}; expected it with `hub`"
        return
    if not re.fullmatch(_REPOSITORY, section.hub):
        yield (
            f"`{key}.hub`{whose}: found {section.hub!r}; expected the id of a {kind}, `owner/name`"
        )
    if given["revision"] is None:
        yield f"`{key}.revision`{whose}: missing; expected the hub commit of the {kind}"
    elif not re.fullmatch(_COMMIT, given["revision"]):
        yield (
            f"`{key}.revision`{whose}: found {given['revision']!r}; expected a commit of the hub "
            f"{kind}, 40 hexadecimal digits (a branch or tag can stand for another tomorrow)"
        )
    if kind == "data set" and given["split"] is None:
        yield (
            f"`{key}.split`{whose}: missing; expected the split of the hub data set, as in `train`"
        )


def _whose(section: Section) -> str:
    return f" ({section.name})" if "name" in type(section).model_fields else ""
