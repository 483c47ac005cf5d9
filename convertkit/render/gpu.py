"""What a GPU holds of an artifact, and what stays off it, in words."""

from __future__ import annotations

from collections.abc import Sequence

from convertkit.measurement.latency import Latency
from convertkit.render.numbers import format_bytes
from convertkit.workers.answers import GpuMemory


def gpu_remarks(rows: Sequence[Latency]) -> list[str]:
    """A line for each that there is something to say of."""
    lines = []
    for row in rows:
        if row.left_on_cpu:
            run = "runs" if len(row.left_on_cpu) == 1 else "run"
            lines.append(f"{row.device} is partial: {', '.join(row.left_on_cpu)} {run} on the CPU")
        memory = describe_memory(row.gpu_memory) if row.gpu_memory else ""
        if memory:
            lines.append(f"memory of {row.device}: {memory}")
    return lines


def describe_memory(memory: GpuMemory) -> str:
    """`12.4 MB allocated, 30.1 MB at the peak, 42 MB reserved, 512 MB of the card`; what is known of it."""
    named = (
        (memory.allocated_bytes, "allocated"),
        (memory.peak_bytes, "at the peak"),
        (memory.reserved_bytes, "reserved"),
        (memory.card_bytes, "of the card"),
    )
    return ", ".join(f"{format_bytes(value)} {words}" for value, words in named if value is not None)
