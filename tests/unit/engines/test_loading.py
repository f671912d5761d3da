"""Loading models: what is known without the weights, and every way weights cannot be had."""

import copy
import json
import subprocess
import sys
import types
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import tiny
from thinkscale.config import parse_study
from thinkscale.engines.transformers.loading import (
    Checkpoint,
    Loading,
    load_weights,
    open_checkpoint,
)
from thinkscale.errors import ThinkscaleError
from thinkscale.models.loading import fetch
from thinkscale.models.registry import register

HERE = Path(__file__)
GPU = torch.cuda.is_available()
COMMIT = "0123456789abcdef0123456789abcdef01234567"


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("loading"), "llama", window=64)


def copied(llama: Path, to: Path, without: tuple[str, ...] = (), **config) -> Path:
    """A copy of a model, with keys of its config changed; None takes one out."""
    to.mkdir(parents=True)
    for file in llama.iterdir():
        if file.name not in without:
            (to / file.name).write_bytes(file.read_bytes())
    values = json.loads((to / "config.json").read_text()) | config
    (to / "config.json").write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
    return to


def opened(path: Path, context: int | None = None, **loading) -> Checkpoint:
    return open_checkpoint(path, Loading(**{"device": "cpu", **loading}), context)


def weights(path: Path, attention: str = "sdpa", **loading) -> torch.nn.Module:
    return load_weights(opened(path, **loading), attention)


def logits(model: torch.nn.Module, rows: int = 4) -> torch.Tensor:
    ids = torch.randint(5, 200, (rows, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(ids.to(model.device)).logits.float().cpu()


def message(expected: str, doing, *args, **options) -> str:
    """What a user reads: one line, in which `expected` stands."""
    with pytest.raises(ThinkscaleError, match=expected) as raised:
        doing(*args, **options)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


# ------------------------------------------------------------------ without the weights


def test_what_is_known_without_the_weights(llama):
    found = opened(llama)
    assert (found.path, found.context, found.dtype_name) == (llama, 64, "float32")
    assert found.eos == {found.tokenizer.eos_token_id}
    assert found.config.model_type == "llama"
    assert found.identity() == {"dtype": "float32", "device": "cpu", "quantization": None}


def test_no_weights_are_read(llama, tmp_path):
    """Their bytes are not even there: the header that says their number type is."""
    path = copied(llama, tmp_path / "m", dtype=None)
    whole = (path / "model.safetensors").read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    with open(path / "model.safetensors", "r+b") as file:
        file.truncate(length)
        file.truncate(len(whole))  # a hole where the weights were
    assert opened(path).dtype_name == "float32"


def test_the_context_is_the_window_unless_said(llama, tmp_path):
    assert opened(llama, context=32).context == 32
    message("`context` is 65, the model's window is 64", opened, llama, context=65)
    gpt = {"model_type": "bloom", "n_head": 4}  # positions without an end
    without = copied(llama, tmp_path / "m", max_position_embeddings=None, **gpt)
    message("states no window; set `context`", opened, without)
    assert opened(without, context=99).context == 99


@pytest.mark.parametrize("saved", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("configured", [True, False])
def test_the_number_type_is_the_checkpoint_s_unless_said(llama, tmp_path, saved, configured):
    path = copied(llama, tmp_path / "m", dtype=saved if configured else None)
    halved = {
        k: v.to(getattr(torch, saved)) for k, v in load_file(path / "model.safetensors").items()
    }
    save_file(halved, path / "model.safetensors", {"format": "pt"})
    for asked in ("auto", "bfloat16"):
        checkpoint = opened(path, dtype=asked)
        expected = saved if asked == "auto" else asked
        assert checkpoint.dtype_name == expected
        assert load_weights(checkpoint, "sdpa").dtype == getattr(torch, expected)


def test_a_configured_number_type_counts_before_that_of_the_files(llama, tmp_path):
    checkpoint = opened(copied(llama, tmp_path / "m", dtype="bfloat16"))
    assert checkpoint.dtype_name == "bfloat16"
    assert load_weights(checkpoint, "sdpa").dtype == torch.bfloat16


def test_every_eos_of_the_generation_config_ends_a_turn(llama, tmp_path):
    path = copied(llama, tmp_path / "m")
    own = opened(path).tokenizer.eos_token_id
    (path / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 9]}))
    assert opened(path).eos == {5, 9, own}
    (path / "generation_config.json").write_text(json.dumps({"eos_token_id": 7}))
    assert opened(path).eos == {7, own}


@pytest.mark.parametrize("generation", [None, "{}"])
def test_the_config_says_what_ends_a_turn_where_the_generation_config_does_not(
    llama, tmp_path, generation
):
    path = copied(llama, tmp_path / "m", ("generation_config.json",), eos_token_id=[3, 4])
    if generation:
        (path / "generation_config.json").write_text(generation)
    assert opened(path).eos == {3, 4, opened(path).tokenizer.eos_token_id}
    assert weights(path).generation_config is not None


def test_a_model_without_an_end_is_said_aloud(llama, tmp_path):
    path = copied(llama, tmp_path / "m", ("generation_config.json",))
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "eos_token_id": None}))
    settings = json.loads((path / "tokenizer_config.json").read_text())
    settings.pop("eos_token")
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.warns(UserWarning, match="names no token that ends a turn"):
        assert opened(path).eos == frozenset()


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
found = open_checkpoint(Path(sys.argv[1]), Loading(device="cpu"))
print(found.identity(), sorted(found.eos), len(found.tokenizer), found.context)
"""


def test_a_checkpoint_opens_without_torch(llama):
    library = str(HERE.parents[3] / "workflow")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, llama],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": library, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = opened(llama)
    size = len(found.tokenizer)
    assert done.stdout.split("\n")[0] == f"{found.identity()} {sorted(found.eos)} {size} 64"


# ------------------------------------------------------------------ the weights


@pytest.mark.parametrize("kind", tiny.CONFIGS)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_weights_are_those_of_transformers(tmp_path, kind, attention):
    path = tiny.save(tmp_path / "m", kind)
    model = weights(path, attention)
    assert not model.training and model.config._attn_implementation == attention
    plain = AutoModelForCausalLM.from_pretrained(path, attn_implementation=attention)
    assert torch.equal(logits(model), logits(plain))
    assert not hasattr(model, "_hf_hook")


def test_broken_weights_are_one_message(llama, tmp_path):
    path = copied(llama, tmp_path / "m")
    (path / "model.safetensors").write_bytes(b"\x00" * 20)
    message("m: cannot load the model: ", weights, path)


def test_weights_that_are_not_there_are_not_made_up(llama, tmp_path):
    path = copied(llama, tmp_path / "m")
    kept = load_file(path / "model.safetensors")
    del kept["lm_head.weight"], kept["model.layers.1.mlp.up_proj.weight"]
    save_file(kept, path / "model.safetensors", {"format": "pt"})
    said = message("lack 2 of the model's weights", weights, path)
    assert "(lm_head.weight, model.layers.1.mlp.up_proj.weight); expected all" in said


def test_weights_of_another_shape_are_one_message(llama, tmp_path):
    said = message("the weight files have", weights, copied(llama, tmp_path / "m", vocab_size=300))
    size = tiny.PADDING + len(opened(llama).tokenizer)
    assert said.endswith(f"lm_head.weight of shape [{size}, 32]; config.json says [300, 32]")


def test_pickles_are_never_loaded(llama, tmp_path):
    path = copied(llama, tmp_path / "m", ("model.safetensors",))
    message("holds no .safetensors weights", opened, path)
    torch.save({}, path / "pytorch_model.bin")
    message("pickled weights are never loaded", opened, path)
    message("nowhere holds no config.json", opened, tmp_path / "nowhere")


def test_pickles_that_came_since_are_not_loaded_either(llama, tmp_path):
    checkpoint = opened(copied(llama, tmp_path / "m"))
    (checkpoint.path / "model.safetensors").unlink()
    torch.save({}, checkpoint.path / "pytorch_model.bin")
    message("cannot load the model: .*model.safetensors", load_weights, checkpoint, "sdpa")


def test_an_unknown_architecture_is_one_message(llama, tmp_path):
    message(
        "cannot load the model: .*`nothing`",
        opened,
        copied(llama, tmp_path / "m", model_type="nothing"),
    )


def test_a_missing_tokenizer_is_one_message(llama, tmp_path):
    path = copied(llama, tmp_path / "m", ("tokenizer.json", "tokenizer_config.json"))
    message("m holds no tokenizer", opened, path)


@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_a_missing_gpu_is_one_message(llama):
    checkpoint = opened(llama, device="cuda:0")
    assert checkpoint.device_type == "cuda"  # what the journal holds can be read without one
    message(
        "`device` is cuda:0, but torch sees no cuda device here", load_weights, checkpoint, "sdpa"
    )
    assert opened(llama, device="auto").device_type == "cpu"


def test_a_gpu_that_is_one_too_many_is_one_message(llama, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    said = message("`device` is cuda:2", weights, llama, device="cuda:2")
    assert said.endswith("but torch sees 2 of that kind here, the last one cuda:1")


@pytest.mark.parametrize("device", ["gpu", "meta"])
def test_an_unknown_device_is_one_message(llama, device):
    message(f"`device` is '{device}'; expected auto, cpu, cuda", weights, llama, device=device)


def test_too_little_memory_is_one_message(llama, monkeypatch):
    def full(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", full)
    said = message("the weights as float32 do not fit in the free memory of cpu", weights, llama)
    assert "`dtype: bfloat16`, `quantization: 8bit` or `4bit`, or `device_map: auto`" in said


# ------------------------------------------------------------------ a model's own code


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own"

class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def own(llama, tmp_path, monkeypatch) -> Path:
    """A model of an architecture that its own code defines."""
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "code")
    )
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    path = copied(llama, tmp_path / "m", model_type="own", auto_map=names)
    (path / "own.py").write_text(CODE)
    return path


def test_a_models_own_code_is_run_only_when_trusted_and_said_aloud(own, llama):
    said = message("cannot load the model", opened, own)
    assert said.endswith(
        "it comes with Python code of its own; read that, and set "
        "`inference.trust_remote_code: true` to run it"
    )
    with pytest.warns(UserWarning, match=r"running Python code that comes with the model"):
        model = weights(own, trust_remote_code=True)
    assert type(model).__name__ == "OwnModel"
    assert torch.equal(logits(model), logits(weights(llama)))


# ------------------------------------------------------------------ a map of devices


def test_a_device_map_on_one_device_is_that_device(llama):
    model = weights(llama, device="auto", device_map="auto")
    assert torch.equal(logits(model).cpu(), logits(weights(llama, device="auto")).cpu())


@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_what_does_not_fit_is_brought_in_layer_by_layer(llama, monkeypatch):
    """accelerate believes that there is memory for one layer; the other stays in its file."""
    memory = types.SimpleNamespace(available=110_000, total=110_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.warns(UserWarning, match=r"parts of the model did not fit and lie on cpu and disk"):
        model = weights(llama, device="auto", device_map="auto")
    assert set(map(str, model.hf_device_map.values())) == {"cpu", "disk"}
    assert torch.equal(logits(model), logits(weights(llama)))


def test_a_device_beside_a_map_is_one_message():
    message(
        "`device` is cuda:0 and `device_map` is auto", Loading, device="cuda:0", device_map="auto"
    )


# ------------------------------------------------------------------ quantized


@pytest.fixture(scope="module")
def bitsandbytes():
    return pytest.importorskip("bitsandbytes")


@pytest.fixture(scope="module")
def wide(bitsandbytes, tmp_path_factory) -> Path:
    """bitsandbytes quantizes in blocks of 64 weights; on CPUs a row must be whole ones."""
    shape = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    return tiny.save(tmp_path_factory.mktemp("wide"), "llama", **shape)


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_quantized_weights(wide, bitsandbytes, quantization, dtype):
    checkpoint = opened(wide, quantization=quantization, dtype=dtype)
    said = f"{quantization} bitsandbytes {bitsandbytes.__version__}"
    assert checkpoint.identity() == {"dtype": dtype, "device": "cpu", "quantization": said}
    model, plain = load_weights(checkpoint, "sdpa"), weights(wide)
    linear = model.model.layers[0].mlp.up_proj
    assert linear.weight.dtype == {"8bit": torch.int8, "4bit": torch.uint8}[quantization]
    assert model.dtype == model.lm_head.weight.dtype == getattr(torch, dtype)
    if quantization == "4bit":
        assert linear.compute_dtype == getattr(torch, dtype)
    found, exact = logits(model), logits(plain)
    error = ((found - exact).pow(2).mean() / exact.var()).item()
    assert 0 < error < {"8bit": 0.02, "4bit": 0.5}[quantization]
    assert torch.equal(found, logits(model))


def test_quantized_weights_under_a_map(wide):
    model = weights(wide, device="auto", device_map="auto", quantization="4bit")
    assert type(model.model.layers[0].mlp.up_proj).__name__ == "Linear4bit"


def test_eight_bit_layers_do_not_fill_the_log(wide, caplog):
    logits(weights(wide, quantization="8bit"))
    assert not [record for record in caplog.records if "MatMul8bitLt" in record.message]


def test_a_missing_bitsandbytes_is_one_message(llama, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    said = message("`quantization` is 4bit, which needs", opened, llama, quantization="4bit")
    assert "pip install 'thinkscale[quantized]'" in said


def test_a_device_that_bitsandbytes_cannot_use_is_one_message(llama, monkeypatch):
    old = types.ModuleType("bitsandbytes")
    old.__spec__ = types.SimpleNamespace(name="bitsandbytes")
    monkeypatch.setitem(sys.modules, "bitsandbytes", old)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.40.0")
    checkpoint = opened(llama, quantization="8bit")
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", None)  # weights are not read
    said = message("bitsandbytes 0.40.0 does not run on cpu", load_weights, checkpoint, "sdpa")
    assert said.endswith("expected one of cuda, or a newer bitsandbytes")


def test_weights_that_are_quantized_already_are_one_message(llama, tmp_path):
    path = copied(llama, tmp_path / "m", quantization_config={"quant_method": "gptq", "bits": 4})
    said = message("`quantization` is 4bit, but", opened, path, quantization="4bit")
    assert said.endswith("the weights are quantized already (gptq); leave the key out")
    message("cannot load the model: .*GPTQ.* optimum", weights, path)  # whose package is not here


# ------------------------------------------------------------------ from the hub's cache


def test_a_cached_model_of_the_hub_is_loaded_without_asking_it(llama, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub" / "models--organisation--model" / "snapshots" / COMMIT
    copied(llama, snapshot)
    path = fetch("organisation/model", COMMIT, False, offline=True)
    assert register("m", path, hub="organisation/model", revision=COMMIT)
    assert torch.equal(logits(weights(path)), logits(weights(llama)))


# ------------------------------------------------------------------ the configuration


STUDY = {
    "study": "s",
    "items": {"source": "calibration"},
    "models": [{"name": "one", "hub": "organisation/model", "revision": COMMIT}],
    "inference": {"temperature": 1.0},
}


def study(section: str, **keys) -> dict:
    values = copy.deepcopy(STUDY)
    (values["models"][0] if section == "model" else values["inference"]).update(keys)
    return values


def test_the_keys_of_loading_have_their_defaults():
    inference = parse_study(STUDY, "my.yaml").models[0].inference
    assert inference.attention == "sdpa"
    assert (inference.quantization, inference.device_map, inference.offline) == (None, None, False)


FAULTS = {
    "branch": ("model", {"revision": "main"}, ["revision` (one): found 'main'", "40 hexadecimal"]),
    "short commit": ("model", {"revision": COMMIT[:7]}, ["expected a commit of the hub"]),
    "fingerprint": ("model", {"fingerprint": "abc"}, ["found 'abc'; expected 64 hexadecimal"]),
    "device": ("inference", {"device": "gpu"}, ["`inference.device`: found 'gpu'; expected auto,"]),
    "flash": ("inference", {"attention": "flash_attention_2"}, ["expected 'eager' or 'sdpa'"]),
    "bits": ("inference", {"quantization": "2bit"}, ["expected '8bit' or '4bit'"]),
    "map": ("inference", {"device_map": "balanced"}, ["found 'balanced'; expected 'auto'"]),
    "map and device": (
        "inference",
        {"device": "cuda:1", "device_map": "auto"},
        ["`inference.device_map`: found 'auto'; expected no device map beside `device: cuda:1`"],
    ),
    "offline": ("inference", {"offline": "yes"}, ["`inference.offline`", "expected true or false"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_configuration_are_named_once(fault):
    section, keys, expected = FAULTS[fault]
    said = message("^my.yaml: ", parse_study, study(section, **keys), "my.yaml")
    for part in expected:
        assert part in said
