"""What rules ask of corpora and of models that are derived: files, banks, settings."""


def corpus_file(name):
    """Generated corpora are outputs of a rule, others are read where they are; or on the hub."""
    corpus = corpus_config(name)
    if corpus.hub is not None:
        return []
    if corpus.source == "calibration" or corpus.generate is not None:
        return results("corpora", f"{name}.jsonl")
    return corpus.source


def generating_model(wildcards):
    return model_config(corpus_config(wildcards.corpus).generate.model)


def generating_record(wildcards):
    return results("models", f"{generating_model(wildcards).name}.json")


def run_as(model):
    """How a model is run to learn from; how often, and what is read of it, is for that to say."""
    unused = {"offline", "shards", "threads", "samples", "readout"}
    return model.inference.model_dump(exclude=unused)


def generating_inference(wildcards):
    return run_as(generating_model(wildcards))


def generating_threads(wildcards):
    return generating_model(wildcards).inference.threads


def generating_journal(wildcards):
    return results("journal", generating_model(wildcards).name)


def earlier_corpora(wildcards):
    """The corpus of the same model before one: what it asked is found in the journal."""
    before = GENERATED[: GENERATED.index(wildcards.corpus)]
    name = generating_model(wildcards).name
    same = [corpus for corpus in before if corpus_config(corpus).generate.model == name]
    return [results("corpora", f"{corpus}.jsonl") for corpus in same[-1:]]


def generated_settings(wildcards):
    return corpus_config(wildcards.corpus).generate.model_dump()


def generating_bank(wildcards):
    """The bank that the model of a corpus thinks about, where it is a file."""
    return bank_files(corpus_config(wildcards.corpus).generate)


def origins():
    """What each model that was derived here is made of, where it thinks."""
    own = {"recipe": True, "parent": True, "corpus": True, "teacher": True, "grpo": {"beta"}}
    return {m.name: m.derive.model_dump(include=own) for m in TRAINED}


def model_files(wildcards):
    """What a model's record is made from: its files, or the directory a rule makes."""
    model = model_config(wildcards.model)
    if model.derive is not None:
        return results("models", model.name)
    if model.path is None:
        return []
    if model.path.startswith(RETRAINED):
        return model.path
    return sorted(str(p) for p in Path(model.path).iterdir() if p.is_file())


def parent_record(wildcards):
    return results("models", f"{model_config(wildcards.model).derive.parent}.json")


def teacher_record(wildcards):
    teacher = model_config(wildcards.model).derive.teacher
    return [] if teacher is None else results("models", f"{teacher}.json")


def parent_corpus(wildcards):
    return corpus_file(model_config(wildcards.model).derive.corpus)


def reward_bank(wildcards):
    """The bank that a reward model's parent thinks about, where it is a file."""
    return bank_files(model_config(wildcards.model).derive.reward)


def reinforcing_banks(wildcards):
    """The banks that a model learns on and is measured on, where they are files."""
    derive = model_config(wildcards.model).derive
    return bank_files(derive.grpo, derive.held_out)


def bank_files(*asked):
    banks = [part.bank for part in asked if part.bank is not None]
    return [bank.source for bank in banks if bank.source not in (None, "calibration")]


def earlier_rewards(wildcards):
    """Reward models of the same parent before one: what they explored it finds in the journal."""
    parent = model_config(wildcards.model).derive.parent
    before = REWARDED[: REWARDED.index(wildcards.model)]
    same = [name for name in before if model_config(name).derive.parent == parent]
    return [results("models", name) for name in same[-1:]]


def parent_inference(wildcards):
    parent = model_config(model_config(wildcards.model).derive.parent)
    return parent.inference.model_dump(exclude={"offline", "shards", "threads"})


def checkpoint_directory(wildcards):
    """Checkpoints lie outside the outputs, which Snakemake removes where a job is killed."""
    return results("checkpoints", wildcards.model)


def reinforcing_inference(wildcards):
    return run_as(model_config(model_config(wildcards.model).derive.parent))


def parent_journal(wildcards):
    return results("journal", model_config(wildcards.model).derive.parent)


def first_grader():
    """What the study goes by, with its settings and the pattern it reads by."""
    name = STUDY.grading.graders[0]
    return [name, grading_settings().get(name), STUDY.grading.pattern]


def corpus_settings(wildcards):
    """What a model is fine-tuned on; what of it is compared with the items is another matter."""
    compared = {"compare", "columns", "messages", "roles"}
    return corpus_config(model_config(wildcards.model).derive.corpus).model_dump(exclude=compared)


def derivation_settings(wildcards):
    """How a model is fine-tuned or distilled; what only another recipe has is none of it."""
    derive = model_config(wildcards.model).derive
    others = {"threads", "reward", "grpo"} | ({"lengths"} if derive.recipe == "gkd" else {"gkd"})
    return derive.model_dump(exclude=others)


def held_out_bank(wildcards):
    """The bank that a model is measured on while it is trained, where it is a file."""
    derive = model_config(wildcards.model).derive
    return [] if derive.eval_steps is None else bank_files(derive.held_out)


def watching_settings(wildcards):
    """How a model is measured while it is trained, if it is."""
    if model_config(wildcards.model).derive.eval_steps is None:
        return None
    return [parent_inference(wildcards), STUDY.conditions.model_dump(), first_grader()]


def reward_settings(wildcards):
    others = {
        "threads",
        "lengths",
        "teacher",
        "gkd",
        "grpo",
        "save_steps",
        "eval_steps",
        "held_out",
    }
    return model_config(wildcards.model).derive.model_dump(exclude=others)


def reinforcing_settings(wildcards):
    others = {"threads", "lengths", "teacher", "gkd", "reward"}
    return model_config(wildcards.model).derive.model_dump(exclude=others)


def export_settings(wildcards):
    return model_config(wildcards.model).export.gguf.model_dump()


def exports():
    return [
        results("gguf", name, file) for name in EXPORTED for file in ("model.gguf", "Modelfile")
    ]


def derivation_threads(wildcards):
    return model_config(wildcards.model).derive.threads
