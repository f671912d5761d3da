"""A study's methods in sentences for a paper, made from its configuration and its provenance.

Sources are cited as pandoc does it, `[@key]`, with keys of `references.bib`, which holds every
source that any study may use; `bibliography` gives those that a text cites.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from thinkscale.report.counting import recounted
from thinkscale.report.provenance import versions
from thinkscale.report.words import code, count, listed

CITED = re.compile(r"\[@([\w;@ ]+)\]")
# What was done for each table, said where the study has it.
METHODS = {
    "full": "all weights",
    "lora": "LoRA [@hu2021lora]",
    "qlora": "LoRA on weights in four bits [@dettmers2023qlora]",
}
STATISTICS = {
    "accuracy": "Accuracy is the mean over responses; its interval is Wilson's "
    "[@wilson1927probable], of as many responses as count where samples of one item, and items of "
    "one cluster, are taken together [@miller2024adding].",
    "registration": "Thinking tokens, averaged over the samples of an item, were correlated with "
    "what people found hard by Spearman's ρ [@spearman1904proof], alone and with properties of the "
    "question held equal; intervals are bias-corrected and accelerated bootstraps of items "
    "[@efron1987better], of percentiles beyond 2,000 items, p comes from permutations, of "
    "residuals in the partial correlations [@freedman1983nonstochastic]; where items come in "
    "clusters both are the jackknife's over clusters, of Fisher's z [@efron1981jackknife].",
    "registration_contrasts": "Whether thinking goes with difficulty closer than the length of the "
    "question does was tested by the difference of their correlations, by the jackknife, p Holm's "
    "over the differences of a model [@holm1979simple].",
    "outcome_difficulty": "The mean difficulty of items answered rightly and not was compared by "
    "the jackknife.",
    "mcnemar": "Conditions were compared with natural thinking pair by pair, by item and sample: "
    "exactly where an item has one sample [@mcnemar1947note], else by flipping the signs of items' "
    "differences; p is Holm's over the conditions of a model [@holm1979simple].",
    "token_change": "Changes of thinking tokens are means of items' changes, with intervals that "
    "take items of one cluster together; where a condition can change them one way only, nothing "
    "was tested.",
    "plateau": "The budget that has a share of natural accuracy was read off an isotonic "
    "regression, between budgets in their logarithm.",
    "consensus": "pass@k is the unbiased estimate over all subsets of k samples "
    "[@chen2021evaluating], cons@k the share for which the plurality of k was right "
    "[@wang2022self].",
    "waits_against_votes": "Waits were set against the plurality of natural samples that cost as "
    "many sampled tokens, interpolated between numbers of samples in the logarithm of cost, item "
    "by item; p is of flipping the signs of items' differences, Holm's over the conditions of a "
    "model [@holm1979simple].",
    "model_comparison": "Models were compared on the items they share, p corrected by Holm's "
    "method over the table [@holm1979simple].",
    "reliability": "The reliability of token counts is the one-way intraclass correlation of their "
    "logarithms [@shrout1979intraclass].",
    "allocation": "Right and other answers to one item were compared by Cohen's d of log thinking "
    "tokens within items, with jackknife intervals, and in a mixed model with a random intercept "
    "for each item [@seabold2010statsmodels].",
    "power": "What the study could have seen follows from its own variances [@vallat2018pingouin].",
    "sweeps": "Control, scaling and performance are defined as with budget forcing itself "
    "[@muennighoff2025s1], scaling in percentage points for each doubling of tokens.",
    "best_condition": "The lead of the best condition has an interval and a p that hold for all "
    "pairs of conditions at once.",
    "equivalence": "Conditions as good as natural were found by two one-sided tests "
    "[@schuirmann1987comparison].",
    "prediction": "Difficulty was predicted out of sample, in folds that keep clusters whole "
    "[@pedregosa2011scikit].",
    "rasch_difficulty": "What is hard for the models is the item difficulty of a Rasch model of "
    "their answers, by marginal maximum likelihood [@bock1981marginal], each sample of a model "
    "being a person.",
    "grader_agreement": "Graders were compared by Cohen's κ [@cohen1960coefficient].",
    "readout": "The probabilities of the options' labels were read off where an answer begins, and "
    "taken relative to their sum.",
    "readout_calibration": "Probabilities were judged by calibration error over bins of equal mass "
    "and by the Brier score [@brier1950verification].",
    "readout_difficulty": "The entropy over the options was correlated with difficulty by "
    "Spearman's ρ, with jackknife intervals and p, Holm's over the conditions of a model "
    "[@holm1979simple].",
    "scorer_quality": "Scorers were judged on natural samples, which none of them has chosen: by "
    "how often a right one scores higher than a wrong one about the same item, by calibration "
    "error and by the Brier score [@brier1950verification].",
    "compute_matched": "Strategies were compared at equal compute, counted as 2 · parameters · "
    "tokens [@snell2024scaling].",
    "compute_optimal": "The best strategy for each fifth of difficulty was chosen on one half of "
    "the items and measured on the other [@snell2024scaling].",
    "divergence": "Corpora and items were compared by the Jensen-Shannon divergence of their token "
    "frequencies [@lin1991divergence], and tested by permuting windows, one of each document.",
    "language_mixing": "Languages and scripts of thinking were told sentence by sentence, "
    "mathematics left out.",
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
_LOGS = {
    "lm_eval": "lm-evaluation-harness [@gao2024harness]",
    "inspect": "inspect_ai [@ukaisi2024inspect]",
    "table": "a table",
}
_SCORERS = {
    "calibration": "which knows right steps from wrong ones with a d′ of {d_prime:g}",
    "likelihood": "the model's own likelihood of its steps",
    "readout": "how sure the model is of an option behind a step",
    "orm": "an outcome reward model",
    "prm": "a process reward model [@lightman2023verify]",
    "judge": "a language model that is asked",
    "recorded": "as the logs have it",
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
    parts = [_models(study), *_engines(study), _items(study, tables), *_thinking(study)]
    parts += [*_recorded(study), *_counting(study), _grading(study)]
    if study["strategies"]:
        parts.append(_strategies(study))
    if used := [said for name, said in STATISTICS.items() if len(tables.get(name, ()))]:
        parts.append(f"**Statistics.** {' '.join([*used, _draws(study['analyses'])])}")
    parts.append(_software(study, provenance))
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
        if derived["recipe"] == "grpo":
            return _reinforced(derived)
        how = METHODS[derived["method"]]
        corpus = _corpus(derived["corpus"], corpora)
        done, rows = f"fine-tuned on {corpus}", "traces"
        if derived["recipe"] == "gkd":
            done = (
                f"distilled from the distributions of {code(derived['teacher'])} on its own "
                f"answers to the questions of {code(derived['corpus'])} [@agarwal2023onpolicy]"
            )
            rows = "completions"
        return (
            f"{code(derived['parent'])} {done}, {how}, "
            f"{count(derived['max_steps'])} steps of {count(derived['batch_size'])} {rows}, peak "
            f"learning rate {derived['learning_rate']:g}"
        )
    if model["responses"] is not None:
        return "recorded elsewhere"
    source = model["hub"] or model["path"]
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
    said = [f"{listed(names)} by {_RUN_BY.get(who, who)}" for who, names in by.items()]
    text = f"**Engines.** Run were {'; '.join(said)}."
    if by.keys() - {"transformers"}:
        text += (
            " Where transformers was not used, noise comes from a seed for each request, made of "
            "the study's seed, the item, the sample and the position."
        )
    if names := by.get("ollama server"):
        text += (
            f" With {listed(names)} text was exchanged and not tokens: where one text was put "
            "behind another, the server may have read other tokens there than the model wrote."
        )
    yield text


def _reinforced(derived: Mapping[str, Any]) -> str:
    own = derived["grpo"]
    weights = own["reward_weights"] or [1] * len(own["reward_funcs"])
    rewards = [f"{name} ({w:g})" for name, w in zip(own["reward_funcs"], weights, strict=True)]
    how = METHODS[derived["method"]]
    per_step = derived["batch_size"] * derived["gradient_accumulation"]
    groups = per_step // own["num_generations"]
    return (
        f"{code(derived['parent'])} reinforced by GRPO [@deepseek2025r1], {how}, "
        f"{count(derived['max_steps'])} steps of {count(groups)} prompts by "
        f"{count(own['num_generations'])} completions, loss {code(own['loss_type'])}, rewards "
        f"{', '.join(rewards)}, learning rate {derived['learning_rate']:g}"
    )


def _corpus(name: str, corpora: Sequence[Mapping[str, Any]]) -> str:
    """A corpus, and how a model wrote it where one did."""
    [generate] = [corpus.get("generate") for corpus in corpora if corpus["name"] == name]
    if generate is None:
        return code(name)
    kept = {"all": "all", "consistent": "those most samples agree with"}.get(generate["keep"])
    of = {"whole": "", "last_pass": ", their last passes", "none": ", their answers alone"}
    often = "once" if generate["waits"] == 1 else f"{count(generate['waits'])} times"
    waits = f", made to go on {often}" if generate["waits"] else ""
    return (
        f"{code(name)} (traces of {code(generate['model'])}{waits}, "
        f"{count(generate['samples'])} an item, {kept or 'the ' + generate['keep'] + ' ones'} kept"
        f"{of[generate['reasoning']]})"
    )


def _items(study: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    items, facts = study["items"], tables["items"]
    n_items = facts.loc[facts["measure"] == "studied", "n"].sum()
    bank = items["hub"] or items["source"] or items["preset"]
    drawn = f", drawn evenly from {count(items['strata'])} strata" if items["n"] else ""
    return f"**Items.** {count(n_items)} items of {code(bank)}{drawn}; seed {study['seed']}."


def _thinking(study: Mapping[str, Any]) -> Iterator[str]:
    """How models thought that this study ran."""
    how: dict[str, list[str]] = {}
    for model in study["models"]:
        reads = model["responses"] is not None
        if not reads and (model["derive"] or {}).get("recipe") != "reward_model":
            how.setdefault(_sampling(model["inference"]), []).append(code(model["name"]))
    if not how:
        return
    said = [f"{text} by {listed(names)}" if len(how) > 1 else text for text, names in how.items()]
    yield (
        f"**Thinking.** Each item was thought about {'; '.join(said)}. Every condition is a point "
        f"on such a chain, from which an answer was forked: "
        f"{'; '.join(_conditions(study['conditions']))} [@muennighoff2025s1]."
    )


def _recorded(study: Mapping[str, Any]) -> Iterator[str]:
    """Where the responses come from that were made elsewhere."""
    said = []
    for model in study["models"]:
        if (own := model["responses"]) is None:
            continue
        logs = listed(code(log["path"]) for log in own["logs"])
        tokens = ", tokens as they have them" if own["tokenizer"] is None else ""
        said.append(f"those of {code(model['name'])} from {_LOGS[own['source']]} ({logs}){tokens}")
    if said:
        yield (
            f"**Recorded responses.** Read from finished logs were {'; '.join(said)}. How they "
            "were sampled is not known here; conditions are what the logs were given as."
        )


def _counting(study: Mapping[str, Any]) -> Iterator[str]:
    """What counted tokens that were not counted as they were sampled."""
    if text := recounted(study):
        yield (
            f"**Tokens.** {text} What was counted again has `exact_tokens` false in "
            "`responses.parquet`."
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
        ("max_think", "cut at {} tokens at most and made to answer"),
        ("truncate", "cut at {} tokens without being asked to answer"),
        ("min_think", "kept on for at least {} tokens"),
        ("waits", "made to go on {} times"),
    ):
        if values := conditions[key]:
            yield what.format(listed((count(value) for value in values), "or"))
    if conditions["waits"] or conditions["min_think"]:
        texts = listed(map(code, conditions["continuations"]), "or")
        yield f"what was put in to go on: {texts}"
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
    text = f"**Strategies.** Selection and search: {', '.join(names)} [@snell2024scaling]"
    used = {strategy["scorer"] for strategy in study["strategies"]}
    scorers = [one for one in study["scorers"] if one["name"] in used]
    said = (f"{code(one['name'])} ({_scorer(one)})" for one in scorers)
    return f"{text}; candidates were judged by {listed(said)}." if scorers else f"{text}."


def _scorer(scorer: Mapping[str, Any]) -> str:
    text = _SCORERS[scorer["kind"]].format(**scorer)
    return f"{text}, {code(scorer['model']['name'])}" if scorer["model"] is not None else text


def _draws(analyses: Mapping[str, Any]) -> str:
    """The level of intervals, and how much was drawn where a test or an interval draws."""
    return (
        f"Unless a table says otherwise, intervals are at {100 * analyses['confidence']:g}%, "
        f"bootstraps draw {count(analyses['n_boot'])} times and permutations "
        f"{count(analyses['n_permutations'])} times."
    )


def _software(study: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """The packages that are cited; of those that run models only where this study ran one."""
    found = versions(provenance)
    if all(model["responses"] is not None for model in study["models"]):
        found = {name: at for name, at in found.items() if name not in ("torch", "transformers")}
    used = [
        f"{name} {found[name]} [@{source}]" for name, source in PACKAGES.items() if name in found
    ]
    return f"**Software.** thinkscale {provenance['thinkscale']}, with {', '.join(used)}."


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
