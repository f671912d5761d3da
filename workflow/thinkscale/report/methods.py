"""A study's methods in sentences for a paper, made from its configuration and its provenance.

Sources are cited as pandoc does it, `[@key]`, with keys of `references.bib`, which holds every
source that any study may use; `bibliography` gives those that a text cites.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from thinkscale.report.words import code, count

CITED = re.compile(r"\[@([\w;@ ]+)\]")
# What was done for each table, said where the study has it.
STATISTICS = {
    "accuracy": "Accuracy is the mean over responses; its interval takes samples of one item, and "
    "items of one cluster, together [@miller2024adding], and is Wilson's where it must be "
    "[@wilson1927probable].",
    "registration": "Thinking tokens, averaged over the samples of an item, were correlated with "
    "what people found hard by Spearman's ρ [@spearman1904proof], alone and with properties of the "
    "question held equal; intervals are bias-corrected and accelerated bootstraps of items "
    "[@efron1987better], p comes from permutations, of residuals in the partial correlations "
    "[@freedman1983nonstochastic].",
    "mcnemar": "Conditions were compared with natural thinking pair by pair, by item and sample: "
    "exactly where an item has one sample [@mcnemar1947note], else by flipping the signs of items' "
    "differences; p is Holm's over the conditions of a model [@holm1979simple].",
    "consensus": "pass@k is the unbiased estimate over all subsets of k samples "
    "[@chen2021evaluating], cons@k the share for which the plurality of k was right "
    "[@wang2022self].",
    "model_comparison": "Models were compared on the items they share, p corrected by Holm's "
    "method over the table [@holm1979simple].",
    "reliability": "The reliability of token counts is the intraclass correlation "
    "[@shrout1979intraclass; @vallat2018pingouin].",
    "allocation": "Within items, the log of thinking tokens was regressed on being right in a "
    "mixed model with a random intercept for each item [@seabold2010statsmodels].",
    "power": "What the study could have seen follows from its own variances [@vallat2018pingouin].",
    "sweeps": "Control, scaling and performance are defined as with budget forcing itself "
    "[@muennighoff2025s1].",
    "equivalence": "Conditions as good as natural were found by two one-sided tests "
    "[@schuirmann1987comparison].",
    "prediction": "Difficulty was predicted out of sample, in folds that keep clusters whole "
    "[@pedregosa2011scikit].",
    "grader_agreement": "Graders were compared by Cohen's κ [@cohen1960coefficient].",
    "readout_calibration": "Probabilities were judged by calibration error over bins of equal mass "
    "and by the Brier score [@brier1950verification].",
    "compute_matched": "Strategies were compared at equal compute, counted as 2 · parameters · "
    "tokens [@snell2024scaling].",
    "divergence": "Corpora and items were compared by the Jensen-Shannon divergence of their token "
    "frequencies [@lin1991divergence], against permutations of documents.",
    "overlap_summary": "Items were looked for in the corpora by n-grams of tokens "
    "[@brown2020language].",
}
_RUN_BY = {
    "vllm": "vLLM [@kwon2023vllm]",
    "vllm server": "a vLLM server [@kwon2023vllm]",
    "sglang server": "an SGLang server",
    "llama.cpp server": "llama.cpp's server",
    "ollama server": "an Ollama server",
}
PACKAGES = {  # what is cited of the packages that a study's results may come from
    "snakemake": "molder2021sustainable",
    "torch": "paszke2019pytorch",
    "transformers": "wolf2020transformers",
    "numpy": "harris2020array",
    "pandas": "mckinney2010data",
    "scipy": "virtanen2020scipy",
    "statsmodels": "seabold2010statsmodels",
    "pingouin": "vallat2018pingouin",
    "scikit-learn": "pedregosa2011scikit",
    "matplotlib": "hunter2007matplotlib",
    "seaborn": "waskom2021seaborn",
}


def methods(
    study: Mapping[str, Any], provenance: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> str:
    """The methods in markdown, a paragraph for each part of the study.

    study : the resolved configuration
    tables : those it has, by name
    """
    parts = [_models(study), _items(study, tables), _thinking(study), _grading(study)]
    parts[1:1] = _engines(study)
    if study["strategies"]:
        parts.append(_strategies(study))
    if used := [said for name, said in STATISTICS.items() if name in tables]:
        parts.append(f"**Statistics.** {' '.join(used)}")
    parts.append(_software(provenance))
    return "\n\n".join(parts) + "\n"


def _models(study: Mapping[str, Any]) -> str:
    said = [
        f"{code(model['name'])} ({_origin(model, study['corpora'])})" for model in study["models"]
    ]
    return f"**Models.** {'; '.join(said)}."


def _origin(model: Mapping[str, Any], corpora: Sequence[Mapping[str, Any]]) -> str:
    if (derived := model["derive"]) is not None:
        if derived["recipe"] == "reward_model":
            return f"a reward model of {code(derived['parent'])} [@lightman2023verify]"
        how = "all weights" if derived["method"] == "full" else "LoRA [@hu2021lora]"
        return (
            f"{code(derived['parent'])} fine-tuned on {code(derived['corpus'])}, {how}, "
            f"{count(derived['max_steps'])} steps of {count(derived['batch_size'])} traces, peak "
            f"learning rate {derived['learning_rate']:g}"
        )
    source = model["hub"] or model["path"] or "recorded elsewhere"
    revision = f" at revision {code(model['revision'])}" if model.get("revision") else ""
    cited = " [@deepseek2025r1]" if "deepseek-r1" in str(source).lower() else ""
    return f"{code(source)}{revision}{cited}"


def _engines(study: Mapping[str, Any]) -> Iterator[str]:
    """What ran the models, where that is not this study's own process for all of them."""
    by: dict[str, list[str]] = {}
    for model in study["models"]:
        run = model["inference"]
        if model["responses"] is None and (model["derive"] or {}).get("recipe") != "reward_model":
            server = run["engine"] == "completions"
            who = f"{run['server']['software']} server" if server else run["engine"]
            by.setdefault(who, []).append(code(model["name"]))
    if set(by) <= {"transformers"}:
        return
    said = [f"{_or(names, 'and')} by {_RUN_BY.get(who, who)}" for who, names in by.items()]
    text = f"**Engines.** Run were {'; '.join(said)}."
    if by.keys() - {"transformers"}:
        text += (
            " Where transformers was not used, noise comes from a seed for each request, made of "
            "the study's seed, the item, the sample and the position."
        )
    if names := by.get("ollama server"):
        text += (
            f" With {_or(names, 'and')} text was exchanged and not tokens (`exact_tokens` is "
            "false): tokens are those of the text, counted again by the model's tokenizer, and "
            "where one text was put behind another, the server may have read other tokens there "
            "than the model wrote."
        )
    yield text


def _items(study: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    items, facts = study["items"], tables["items"]
    n_items = facts.loc[facts["measure"] == "studied", "n"].sum()
    bank = items["hub"] or items["source"] or items["preset"]
    drawn = f", drawn evenly from {count(items['strata'])} strata" if items["n"] else ""
    return f"**Items.** {count(n_items)} items of {code(bank)}{drawn}; seed {study['seed']}."


def _thinking(study: Mapping[str, Any]) -> str:
    how: dict[str, list[str]] = {}
    for model in study["models"]:
        if (model["derive"] or {}).get("recipe") != "reward_model":
            how.setdefault(_sampling(model["inference"]), []).append(code(model["name"]))
    said = [
        f"{text} by {_or(names, 'and')}" if len(how) > 1 else text for text, names in how.items()
    ]
    return (
        f"**Thinking.** Each item was thought about {'; '.join(said)}. Every condition is a point "
        f"on such a chain, from which an answer was forked: "
        f"{'; '.join(_conditions(study['conditions']))} [@muennighoff2025s1]."
    )


def _sampling(inference: Mapping[str, Any]) -> str:
    noise = (
        f"temperature {inference['temperature']:g}, top-p {inference['top_p']:g}"
        if inference["temperature"]
        else "greedily"
    )
    samples = "once" if inference["samples"] == 1 else f"{count(inference['samples'])} times"
    return f"{samples} ({noise}, answers of at most {count(inference['max_answer_tokens'])} tokens)"


def _conditions(conditions: Mapping[str, Any]) -> Iterator[str]:
    yield "thinking to its natural end"
    for key, what in (
        ("max_think", "cut at most at {} tokens and made to answer"),
        ("truncate", "cut at {} tokens without being asked to answer"),
        ("min_think", "kept on for at least {} tokens"),
        ("waits", "made to go on {} times"),
    ):
        if values := conditions[key]:
            yield what.format(_or(count(value) for value in values))
    if conditions["waits"] or conditions["min_think"]:
        yield f"what was put in to go on: {_or(code(text) for text in conditions['continuations'])}"
    if conditions["no_think"]:
        yield "thinking switched off"
    if conditions["combine"]:
        yield f"{count(len(conditions['combine']))} combinations of these"


def _grading(study: Mapping[str, Any]) -> str:
    first, *others = (code(name) for name in study["grading"]["graders"])
    text = f"**Grading.** Answers were graded by {first}, which everything goes by"
    return f"{text}; for comparison by {', '.join(others)}." if others else f"{text}."


def _strategies(study: Mapping[str, Any]) -> str:
    names = dict.fromkeys(code(strategy["approach"]) for strategy in study["strategies"])
    return f"**Strategies.** Selection and search: {', '.join(names)} [@snell2024scaling]."


def _software(provenance: Mapping[str, Any]) -> str:
    used = [
        f"{name} {version} [@{PACKAGES[name]}]"
        for name, version in provenance["packages"].items()
        if version and name in PACKAGES
    ]
    return f"**Software.** thinkscale {provenance['thinkscale']}, with {', '.join(used)}."


def _or(values: Iterable[str], word: str = "or") -> str:
    *first, last = values
    return f"{', '.join(first)} {word} {last}" if first else last


def bibliography(text: str) -> str:
    """The BibTeX entries of all that a text cites, in the order of `references.bib`."""
    return "\n".join(entry for key, entry in _entries().items() if key in cited(text))


def cited(text: str) -> set[str]:
    return {key.strip(" @") for found in CITED.findall(text) for key in found.split(";")}


def spelled_out(text: str) -> str:
    """The text with its citations as (Author, year), for a reader without pandoc."""
    entries = _entries()

    def short(found: re.Match) -> str:
        keys = [key.strip(" @") for key in found[1].split(";")]
        return f"({'; '.join(_short(entries[key]) for key in keys)})"

    return CITED.sub(short, text)


def _short(entry: str) -> str:
    authors = re.search(r"author = \{(.*)\},", entry)[1].split(" and ")
    names = [author.split(",")[0].strip("{}") for author in authors]
    year = re.search(r"year = \{(\d+)\}", entry)[1]
    who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{who}, {year}"


def _entries() -> dict[str, str]:
    text = files("thinkscale.report").joinpath("references.bib").read_text("utf-8")
    whole = text.strip().split("\n\n")
    return {re.match(r"@\w+\{(\w+),", entry)[1]: f"{entry}\n" for entry in whole}
