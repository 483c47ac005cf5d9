"""What to do about a run that did not pass: commands and files of this run, by what went wrong."""

from __future__ import annotations

from convertkit.artifacts.formats import Precision
from convertkit.render.summary import culprit, was_run
from convertkit.report.report import HopRecord, Report

INTEGERS = frozenset(str(precision) for precision in Precision if precision.is_integer)


def next_steps(report: Report) -> list[str]:
    """What to look at and to try, the likeliest first; empty where every hop passed."""
    bad = culprit(report)
    if bad is None:
        return []
    if not was_run(bad):
        return ["Nothing was run: the reason above is about the model or the samples, not about a converter."]
    steps = mismatch_steps(bad) if bad.artifact is not None else conversion_steps(bad)
    others = [hop.target for hop in report.hops if hop.status != "passed" and not was_run(hop)]
    if others:
        steps.append(f"{', '.join(others)} was not tried, since it starts from {bad.target}.")
    return steps


def mismatch_steps(hop: HopRecord) -> list[str]:
    """Of an artifact that was made, and is not the source any more."""
    assert hop.artifact is not None
    precision = hop.target.partition(":")[2]
    if hop.budget is not None and hop.budget.over:
        return [
            "It is the source still, but over the budget: see its figures under Details.",
            "convertkit gate RUN --set budget.size_bytes=BYTES, for one, holds it against another budget.",
        ]
    steps = []
    if hop.vs_source is not None and hop.vs_source.outputs:
        steps.append("See which output, which slice and which samples lost most, under Details.")
    if precision in INTEGERS or precision == str(Precision.FLOAT16):
        steps.append("convertkit blame RUN names the operators that lose most, and their PyTorch modules.")
    if precision == str(Precision.INT8) and hop.rescue is None:
        steps.append("convert … --rescue makes others, and ships the one that passes.")
    if precision in INTEGERS and hop.rescue is None:
        steps.append("convertkit samples check FILE says whether the samples are fit to calibrate with.")
    if hop.vs_source is not None:
        steps.append(f"convertkit gate RUN --set gate.{precision}.min_sqnr_db=DB judges it by another.")
    return [*steps, f"{script(hop)} does this hop alone."]


def conversion_steps(hop: HopRecord) -> list[str]:
    """Of a hop that made nothing."""
    steps = [f"logs/{hop.stage}.{hop.target.partition(':')[2]}.log has all that the converter wrote."]
    if len(hop.attempts) > 1:
        steps.append("The attempts below, each with its own error, tell what the others stumbled over.")
    return [
        *steps,
        f"{script(hop)} does this hop alone.",
        "convertkit doctor says what is not installed here.",
    ]


def script(hop: HopRecord) -> str:
    """The replay script of a hop, within the run's folder."""
    return f"repro/{hop.stage}.{hop.target.partition(':')[2]}.sh"
