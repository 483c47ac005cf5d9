"""The lines of `convertkit convert --dry-run`."""

from __future__ import annotations

from collections.abc import Iterator

from convertkit.run.dry_run import DryRun, PlannedHop


def plan_lines(found: DryRun) -> Iterator[str]:
    """The model, each hop and what it needs, the samples, and what is missing with the line against it."""
    yield f"{found.model}: {found.kind}"
    width = max((len(arrow(hop)) for hop in found.hops), default=0)
    for hop in found.hops:
        yield f"{arrow(hop):<{width}}  {hop.stage} ({', then '.join(hop.converters)})"
        calibrates = "; calibration samples" if hop.calibrates else ""
        where = ", ".join(f"'{name}'" for name in hop.environments)
        yield f"{'':<{width}}  needs {', '.join(hop.packages)}{calibrates}; runs in {where}"
    yield sample_line(found)
    yield from found.notes
    for item in found.missing:
        yield f"missing: environment '{item.environment}': {item.problem}; run: {item.fix}"
    if not found.missing:
        yield "nothing is missing"


def arrow(hop: PlannedHop) -> str:
    """`torch:float32 → onnx:float32`."""
    return f"{hop.source} → {hop.target}"


def sample_line(found: DryRun) -> str:
    """How many samples calibrate and validate."""
    if found.samples is None:
        return "samples: fitted once the model is open"
    count, calibration, validation = found.samples
    return f"samples: {count}, of which {calibration} calibrate and {validation} validate"
