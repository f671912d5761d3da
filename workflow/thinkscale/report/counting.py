"""Whose tokens were counted again over texts, and are therefore not exact."""

from collections.abc import Mapping
from typing import Any

from thinkscale.report.words import code, listed

TEXT_ONLY = "ollama"  # the server that is given text and gives text


def recounted(study: Mapping[str, Any]) -> str:
    """One sentence with the tokenizers' names; empty where every count is of tokens themselves.

    study : the resolved configuration
    """
    by: dict[str, list[str]] = {}
    logged = []
    for model in study["models"]:
        if counter := tokenizer(model, study["models"]):
            by.setdefault(counter, []).append(code(model["name"]))
        elif model["responses"] is not None:
            logged.append(code(model["name"]))
    if not by:
        return ""
    first, *others = ((listed(names), code(counter)) for counter, names in by.items())
    text = "Token counts of {} are not exact, but made again over the texts by the tokenizer {}"
    rest = [f"those of {names} by {counter}" for names, counter in others]
    # A comparison of lengths must not seem to be one of like with like.
    rest += [f"those of {listed(logged)} are as the logs have them"] if logged else []
    return f"{'; '.join([text.format(*first), *rest])}."


def tokenizer(model: Mapping[str, Any], models: list[Mapping[str, Any]]) -> str:
    """What counted a model's tokens over its texts; empty where tokens themselves were counted."""
    if (read := model["responses"]) is not None:
        own = read["tokenizer"]
        return "" if own is None else own["path"] or own["hub"]
    run = model["inference"]
    if run["engine"] != "completions" or run["server"]["software"] != TEXT_ONLY:
        return ""
    # A derived model has the tokenizer of the one that it comes from.
    named = {each["name"]: each for each in models}
    while model["derive"] is not None:
        model = named[model["derive"]["parent"]]
    return model["path"] or model["hub"]
