"""Why a claim does not hold, from figures alone: a reason is given only where a measurement carries it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.claims_table import (
    LEAST_SPEED_UP,
    Ratio,
    Row,
    accuracy_verdict,
    size_verdict,
    speed_verdict,
)

MOST_OVERHEAD = 0.25
NEARLY = 0.8
LEAST_WEIGHTS = 0.9
KERNELS = {
    "mlp": ("linear",),
    "lstm": ("linear",),
    "transformer": ("linear",),
    "cnn": ("pointwise", "depthwise"),
    "efficientnet": ("pointwise", "depthwise"),
}
DYNAMIC = {"torch": "torch:int8-dynamic", "onnx": "torch:int8-dynamic", "tflite": "tflite:int8-dynamic"}
VNNI = ("avx512_vnni", "avx_vnni", "amx_int8")

Probes = dict[tuple[str, str], Row]


def cpu_facts(cpuinfo: str) -> tuple[str, list[str]]:
    """The CPU's name, and which INT8 dot-product instructions it has, from `/proc/cpuinfo`."""
    fields = dict(line.split(":", 1) for line in cpuinfo.splitlines() if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    flags = named.get("flags", "").split()
    return named.get("model name", "unknown"), [flag for flag in VNNI if flag in flags]


def reasons(row: Row, rows: Sequence[Row], probes: Probes, *, has_vnni: bool) -> Iterator[str]:
    """One line for each claim that does not hold, or is open, for a row."""
    if row.fault:
        return
    if size_verdict(row) != "holds":
        yield f"size: {size_reason(row)}"
    for batch, ratio in ((1, row.speed_up), (row.batch, row.batch_speed_up)):
        if speed_verdict(ratio) != "holds":
            found = list(speed_reasons(row, batch, ratio, probes, has_vnni=has_vnni))
            yield f"speed at batch {batch}: {'; '.join(found)}"
    if accuracy_verdict(row) != "holds":
        yield f"accuracy: {accuracy_reason(row, rows)}"


def size_reason(row: Row) -> str:
    """What the file holds besides INT8 weights."""
    if "float:" in row.coverage:
        return row.coverage
    share = 1 - row.weights / row.size_bytes
    return f"{share:.0%} of its {row.size_bytes:,} bytes are graph, names and scales, not weights"


def speed_reasons(
    row: Row, batch: int, ratio: Ratio | None, probes: Probes, *, has_vnni: bool
) -> Iterator[str]:
    """What holds the speed back: float layers, the call itself, or kernels that are no faster here."""
    if ratio is None:
        yield "it did not run"
        return
    if "float:" in row.coverage and size_verdict(row) != "holds":
        yield row.coverage
    call = probes.get(("call", row.variant))
    if batch == 1 and call is not None and call.call_ms > MOST_OVERHEAD * row.call_ms:
        share = min(1.0, call.call_ms / row.call_ms)
        yield f"{share:.0%} of a call is the runtime's own (an 8×8 layer alone takes {call.call_ms:.3f} ms)"
    gains = list(kernel_gains(row, batch, probes))
    listed = ", ".join(f"{name} {gain:.2f} ×" for name, gain in gains)
    if not gains:
        return
    if any(gain < LEAST_SPEED_UP for _, gain in gains):
        yield f"one such layer alone gains {listed}{'' if has_vnni else ', without VNNI'}"
    elif ratio.median >= NEARLY * min(gain for _, gain in gains):
        yield f"about as much as one such layer alone: {listed}"
    else:
        yield f"one such layer alone gains more, {listed}: the time goes elsewhere"


def kernel_gains(row: Row, batch: int, probes: Probes) -> Iterator[tuple[str, float]]:
    """How many times faster each kind of layer is by itself in the same runtime, at about that batch."""
    for name in KERNELS.get(row.model, ()):
        probe = probes.get((name, row.variant))
        ratio = None if probe is None else probe.speed_up if batch == 1 else probe.batch_speed_up
        if ratio is not None:
            yield name, ratio.median


def accuracy_reason(row: Row, rows: Sequence[Row]) -> str:
    """Whether weights or activations lose it: the dynamic variant has the same weights and float ranges."""
    if row.accuracy_drop is None and row.agreement is not None:
        said = f"no labels; the largest score is the same for {row.agreement:.1%}"
    else:
        said = f"{row.sqnr_db:.1f} dB"
    name = DYNAMIC[row.variant.partition(":")[0]]
    weights = next((r for r in rows if (r.model, r.variant) == (row.model, name) and not r.fault), None)
    if weights is None or row.variant == name or "float:" in weights.coverage:
        return said
    part = "activations" if weights.sqnr_db > row.sqnr_db + 6 else "weights"
    return f"{said}; with INT8 weights alone ({name}) {weights.sqnr_db:.1f} dB, so the {part} lose it"
