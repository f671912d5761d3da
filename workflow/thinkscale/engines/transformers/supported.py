"""Whether an architecture computes the same on our tree of tokens as it does by itself."""

import torch
from transformers import PreTrainedModel

from thinkscale.engines.base import Request
from thinkscale.engines.transformers.attention import tree_for
from thinkscale.engines.transformers.packing import pack
from thinkscale.engines.transformers.rows import Leaf, Row
from thinkscale.errors import ThinkscaleError

_TOKENS = 16
_TOLERANCE = 0.1  # of the logits' spread; half precision and quantized products stay well below


@torch.inference_mode()
def check_supported(model: PreTrainedModel, device: torch.device) -> None:
    """Run a few tokens both ways.

    Raises ThinkscaleError where layers are not attention over tokens, or where attention does
    something that ours would leave out (positions of its own, caps, sinks), which would otherwise
    give wrong tokens without a word.
    """
    kind = type(model).__name__
    layers = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    others = sorted(layers - {"full_attention", "sliding_attention"})
    if others or not model._supports_attention_backend:
        raise ThinkscaleError(
            f"architecture {kind} has {', '.join(others) or 'attention of its own'}; the "
            "transformers engine needs full or sliding-window attention through transformers' "
            "attention interface"
        )
    size = model.config.get_text_config().vocab_size
    ids = [(7 + 13 * n) % size for n in range(_TOKENS)]
    row = Row(slot=0, arrived=[Leaf("check", Request(tuple(ids), 1, (), b"", 0), ids)])
    row.plant()
    tree = tree_for(model, device)
    tree.resize(1, _TOKENS)
    packed = pack([row], tree, _TOKENS)
    ours = model(
        input_ids=packed.ids,
        position_ids=packed.where.depths.unsqueeze(0),
        use_cache=False,
        logits_to_keep=packed.keep,
        tree=tree,
        where=packed.where,
    ).logits[0, -1]
    implementation = model.config._attn_implementation
    model.set_attn_implementation("eager")
    own = model(input_ids=torch.tensor([ids], device=device), use_cache=False).logits[0, -1]
    model.set_attn_implementation(implementation)
    if not own.isfinite().all():
        raise ThinkscaleError(
            f"{kind}: its logits are not finite in {str(model.dtype).removeprefix('torch.')}; "
            "expected numbers: set `dtype: bfloat16` or `float32`, or look at the weights"
        )
    difference = (ours.float() - own.float()).abs().mean() / own.float().std()
    if not difference < _TOLERANCE:
        raise ThinkscaleError(
            f"architecture {kind}: on a tree of tokens its logits differ from its own by "
            f"{difference:.2g} of their spread; it is not supported by the transformers engine"
        )
