"""What a rescue tries, in the order of cost. Runs nothing."""

from __future__ import annotations

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.rescue.candidates import (
    LITERT,
    Case,
    Family,
    Proposals,
    changed,
    choices,
    in_precision,
    one_by_one,
)
from convertkit.rescue.exclusions import exclusions, mixed

COMPENSATED = "compensated"
INTEGER_INPUTS = ("int8", "uint8")


def compensated(case: Case) -> Proposals:
    """Weights rounded with compensation and biases corrected, on the samples that calibrate."""
    if getattr(case.base.options, "rounding", COMPENSATED) != COMPENSATED:
        change = "rounding weights with compensation"
        yield from one_by_one(changed(case, "rounding", change, rounding=COMPENSATED))


def dynamic(case: Case) -> Proposals:
    """Weights alone in INT8, activations scaled call by call; not where integers have to go in and out."""
    if not has_integer_edges(case):
        yield from in_precision(case, Precision.INT8_DYNAMIC, "scales of activations taken call by call")


def has_integer_edges(case: Case) -> bool:
    """True where inputs and outputs were asked for in integers."""
    return getattr(case.base.options, "io", "float32") in INTEGER_INPUTS


def more_samples(case: Case) -> Proposals:
    """Twice the calibration samples, and again, until all that do not validate."""
    chosen, spare = list(case.base.calibration), list(case.spare)
    while spare:
        more = spare[: len(chosen)]
        chosen, spare = [*chosen, *more], spare[len(more) :]
        change = f"{len(chosen)} calibration samples in place of {len(case.base.calibration)}"
        outcome = yield msgspec.structs.replace(
            case.base, family="calibration", change=change, calibration=tuple(sorted(chosen))
        )
        if outcome.is_passed and case.prunes:
            return


def other_ranges(case: Case) -> Proposals:
    """Every other way to choose a range from what calibration saw; TensorFlow's converter has only one."""
    for method in choices(case.base.options, "calibration"):
        yield from one_by_one(changed(case, "range", f"ranges by {method}", calibration=method))


def per_channel(case: Case) -> Proposals:
    """One scale per output channel of the weights, where the options gave that up."""
    if getattr(case.base.options, "per_channel", True) is False:
        change = "one scale per channel of the weights"
        yield from one_by_one(changed(case, "per-channel", change, per_channel=True))


def other_quantizer(case: Case) -> Proposals:
    """The quantizers that the base does not use."""
    for name in choices(case.base.options, "quantizer"):
        if name != "auto":
            yield from one_by_one(changed(case, "quantizer", f"the {name} quantizer", quantizer=name))


def heads_apart(case: Case) -> Proposals:
    """Outputs of several units apart, where the options joined them."""
    if getattr(case.base.options, "heads", "apart") != "apart" and not has_integer_edges(case):
        yield from one_by_one(changed(case, "heads", "keeping outputs of several units apart", heads="apart"))


def weights_alone(case: Case) -> Proposals:
    """Integers for operators with weights alone, where the others have become integer too."""
    options = case.base.options
    is_done = getattr(options, "integers", "weights") == "weights"
    is_done |= case.attends and getattr(options, "integers", "") == "auto"
    if is_done or has_integer_edges(case):
        return
    by = {"quantizer": LITERT} if hasattr(options, "quantizer") else {}
    change = "integers for operators with weights alone"
    yield from one_by_one(changed(case, "integers", change, integers="weights", **by))


def int16x8(case: Case) -> Proposals:
    """Activations in 16 bits."""
    yield from in_precision(case, Precision.INT16X8, "activations in 16 bits")


def float16(case: Case) -> Proposals:
    """No integers at all."""
    yield from in_precision(case, Precision.FLOAT16, "float16 in place of INT8")


FAMILIES = (
    Family("rounding", compensated),
    Family("int8-dynamic", dynamic),
    Family("calibration", more_samples),
    Family("range", other_ranges),
    Family("per-channel", per_channel),
    Family("quantizer", other_quantizer),
    Family("heads", heads_apart),
    Family("integers", weights_alone),
    Family("exclusion", exclusions, is_costly=True),
    Family("mixed", mixed, is_costly=True),
    Family("int16x8", int16x8, is_costly=True, reserve=1),
    Family("float16", float16, is_costly=True, reserve=1),
)
"""Every family, the cheapest first."""
