"""What jobs ask a scheduler for, from the study: memory (MB), time (minutes), GPUs.

More memory and time at every attempt. What the cluster has its own names for (partition, account,
kind of GPU) a profile says, and what it says of memory, time and GPUs goes before all of this. On a
laptop nothing here limits anything.

A model whose weights are files asks for memory by their size; one that is yet to be downloaded or
trained asks for what one of eight billion weights takes.
"""


def wanted_gpus(model):
    """How many a model is run on; None, so that a rule asks for nothing, where it is on none here."""
    own = model.inference
    if own.device == "cpu" or own.engine == "completions":
        return None
    over = own.vllm if own.engine == "vllm" else None
    return over.tensor_parallel * over.pipeline_parallel if over else 1


def first_parent(model):
    """The model that a derived one goes back to."""
    while model.derive is not None:
        model = model_config(model.derive.parent)
    return model


def weights_mb(model):
    """Size of a model's weights, or of the model's it is derived from; None where not there yet."""
    path = first_parent(model).path
    files = [] if path is None else Path(path).glob("*.safetensors")
    return sum(file.stat().st_size for file in files) // 10**6 or None


def inference_memory(model, attempt):
    """Weights as they are stored and as they are loaded, and what keys and values need."""
    weights = weights_mb(model)
    return attempt * (32_000 if weights is None else 4_000 + 2 * weights)


def model_memory(wildcards, attempt):
    return inference_memory(model_config(wildcards.model), attempt)


def model_gpus(wildcards):
    return wanted_gpus(model_config(wildcards.model))


def generating_memory(wildcards, attempt):
    return inference_memory(generating_model(wildcards), attempt)


def generating_gpus(wildcards):
    return wanted_gpus(generating_model(wildcards))


def search_memory(wildcards, attempt):
    """All models that a search asks are there at once."""
    asked = [model_config(wildcards.model), *SCORER_MODELS.values()]
    return sum(inference_memory(model, attempt) for model in asked)


def judge_memory(wildcards, attempt):
    return inference_memory(JUDGE, attempt)


def judge_gpus(wildcards):
    return wanted_gpus(JUDGE)


def training_memory(wildcards, attempt):
    """Weights, gradients and the optimizer's two moments, all in float32."""
    weights = weights_mb(model_config(wildcards.model))
    return attempt * (64_000 if weights is None else 8_000 + 8 * weights)


def plan_memory(wildcards, attempt):
    """Models are opened one after another."""
    return max((inference_memory(model, attempt) for model in RUN), default=4_000 * attempt)


def plan_gpus(wildcards):
    return max(filter(None, map(wanted_gpus, RUN)), default=None)


def model_minutes(wildcards, attempt):
    """Eight hours: what is cut off goes on from its journal, so little is lost by asking less."""
    return 480 * attempt


def table_memory(wildcards, attempt):
    return 4_000 * attempt


def table_minutes(wildcards, attempt):
    return 30 * attempt


def figure_memory(wildcards, attempt):
    return 2_000 * attempt


def figure_minutes(wildcards, attempt):
    return 10 * attempt
