"""Outcomes from the readout: the most likely label, whatever the model then wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thinkscale.grading.grader import Extraction, Facts, Judged, ungradable


@dataclass(frozen=True)
class ReadoutSettings:
    """min_mass: probability that the answer begins with a label at all; less is ungradable."""

    min_mass: float = 0.1


def judge_readout(
    text: str, facts: Facts, settings: ReadoutSettings, readout: Mapping[str, Any] | None
) -> Judged:
    """Return what the readout comes to; `readout` is its row of `data.readouts.by_response`.

    Ungradable: nothing was read, labels are too unlikely to say anything, or two are as likely.
    """
    if readout is None:
        return ungradable("nothing was read behind this response (`inference.readout`)")
    label, mass = readout["readout_label"], readout["readout_mass"]
    seen = f"probability {readout['readout_confidence']:.3g} among labels, {mass:.3g} on labels"
    if mass < settings.min_mass:
        return ungradable(f"labels are too unlikely (below {settings.min_mass:g}): {seen}")
    if not isinstance(label, str):
        label, seen = None, f"the likeliest labels are as likely: {seen}"
    return Extraction(label, "readout", seen).judged(label in facts.keys)
