"""The report as JUnit XML by Jenkins' schema, also for GitLab: a test case for every check of every hop."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Literal

import msgspec

from convertkit.render.numbers import format_error, format_sqnr_db
from convertkit.render.parts import lowest_samples_db, lowest_slice_db
from convertkit.render.summary import (
    axis_state,
    largest_error,
    min_sqnr_db,
    one_line,
    spent_seconds,
    was_run,
)
from convertkit.report.report import Attempt, HopRecord, Report
from convertkit.validation.gate import Comparison

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Outcome = Literal["passed", "failure", "error", "skipped"]


class Case(msgspec.Struct, frozen=True):
    """One test case.

    Attributes:
        message: one line; empty when passed.
        detail: the text inside the failure, error or skipped element.
    """

    name: str
    outcome: Outcome = "passed"
    message: str = ""
    detail: str = ""
    seconds: float = 0.0
    figures: tuple[tuple[str, str], ...] = ()


def render_junit(report: Report) -> str:
    """One test suite: counts, properties, and a class of test cases for each hop."""
    suite = ET.Element("testsuite", name=clean(f"convertkit {report.source.path}"))
    cases = [(hop, case) for hop in report.hops for case in hop_cases(report, hop)]
    counts = {
        "tests": len(cases),
        "failures": sum(case.outcome == "failure" for _, case in cases),
        "errors": sum(case.outcome == "error" for _, case in cases),
        "skipped": sum(case.outcome == "skipped" for _, case in cases),
        "time": f"{sum(case.seconds for _, case in cases):.3f}",
    }
    root = ET.Element("testsuites")
    for key, value in counts.items():
        suite.set(key, str(value))
        if key != "skipped":  # which the schema does not have here
            root.set(key, str(value))
    if report.started:
        suite.set("timestamp", report.started)
    root.append(suite)
    add_properties(suite, run_properties(report))
    for hop, case in cases:
        suite.append(case_element(hop, case))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def clean(text: str) -> str:
    """The text without the characters that XML cannot hold, such as a terminal's escape codes."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def case_element(hop: HopRecord, case: Case) -> ET.Element:
    """The element of a test case; its figures are text, since the schema has properties of suites alone."""
    element = ET.Element(
        "testcase",
        name=case.name,
        classname=clean(f"convertkit.{hop.stage}[{hop.target}]"),
        time=f"{case.seconds:.3f}",
    )
    if case.outcome != "passed":
        inner = ET.SubElement(element, case.outcome, message=clean(one_line(case.message)))
        if case.outcome != "skipped":
            inner.set("type", case.name)
            inner.text = clean(case.detail or case.message)
    if case.figures:
        lines = (f"{name}: {value}" for name, value in case.figures)
        ET.SubElement(element, "system-out").text = clean("\n".join(lines))
    return element


def add_properties(element: ET.Element, properties: tuple[tuple[str, str], ...]) -> None:
    """A `properties` element, where there are any."""
    if properties:
        inner = ET.SubElement(element, "properties")
        for name, value in properties:
            ET.SubElement(inner, "property", name=clean(name), value=clean(value))


def run_properties(report: Report) -> tuple[tuple[str, str], ...]:
    """What the suite is about."""
    return (
        ("convertkit", report.convertkit),
        ("status", report.status),
        ("source.path", report.source.path),
        ("source.sha256", report.source.sha256),
        ("source.size_bytes", str(report.source.size_bytes)),
        ("samples.origin", report.samples.origin),
        ("samples.count", str(report.samples.count)),
        ("samples.sha256", report.samples.sha256),
    )


def hop_cases(report: Report, hop: HopRecord) -> list[Case]:
    """The checks of a hop. A hop that did not pass always has a case that says so."""
    cases = [
        converted_case(hop),
        comparison_case("vs_source", hop, hop.vs_source, fault=hop.error),
        comparison_case("vs_previous", hop, hop.vs_previous, fault=None),
    ]
    if hop.dynamic_axes or any(spec.dynamic_axes for spec in report.source.inputs):
        cases.append(axes_case(hop, has_fault=not any(is_bad(case) for case in cases)))
    if hop.status != "passed" and was_run(hop) and not any(is_bad(case) for case in cases):
        cases.append(Case("gate", "failure", hop.error or "no reason was given"))
    if hop.field_runtime is not None:
        cases.append(field_case(hop))
    return cases


def is_bad(case: Case) -> bool:
    """True for a failure or an error."""
    return case.outcome in ("failure", "error")


def converted_case(hop: HopRecord) -> Case:
    """Whether a converter gave an artifact at all."""
    if not was_run(hop):
        return Case("converted", "skipped", hop.error or "not run")
    seconds = spent_seconds(hop) or 0.0
    attempts = "\n".join(map(attempt_text, hop.attempts))
    if hop.artifact is None:
        return Case("converted", "error", hop.error or "no artifact", attempts, seconds)
    return Case("converted", seconds=seconds, figures=artifact_figures(hop))


def attempt_text(attempt: Attempt) -> str:
    """One line of an attempt."""
    return f"{attempt.converter} {attempt.options}: {attempt.status} {attempt.error or ''}".rstrip()


def artifact_figures(hop: HopRecord) -> tuple[tuple[str, str], ...]:
    """What the artifact is."""
    if hop.artifact is None:
        return ()
    return (
        ("artifact.path", hop.artifact.path),
        ("artifact.sha256", hop.artifact.sha256),
        ("artifact.size_bytes", str(hop.artifact.size_bytes)),
        ("artifact.size_ratio", f"{hop.artifact.size_ratio:.6g}"),
        ("converter", hop.converter),
        ("cached", str(hop.cached).lower()),
        *([("fallback_for", hop.fallback_for)] if hop.fallback_for else []),
        ("peak_rss_bytes", str(hop.peak_rss_bytes)),
    )


def comparison_case(name: str, hop: HopRecord, comparison: Comparison | None, *, fault: str | None) -> Case:
    """The gate's verdict on one comparison.

    Args:
        fault: what to blame where an artifact was made and could not even be compared.
    """
    if comparison is None:
        if fault and hop.artifact is not None:
            return Case(name, "failure", fault)
        return Case(name, "skipped", "there is nothing to compare")
    figures: tuple[tuple[str, str], ...] = (
        ("min_sqnr_db", format_sqnr_db(min_sqnr_db(comparison))),
        ("max_abs_error", format_error(largest_error(comparison))),
        ("worst_slice_sqnr_db", format_sqnr_db(lowest_slice_db(comparison))),
        ("sample_sqnr_p5_db", format_sqnr_db(lowest_samples_db(comparison))),
        ("tolerance.min_sqnr_db", f"{comparison.tolerance.min_sqnr_db:g}"),
        ("tolerance.min_slice_sqnr_db", f"{comparison.tolerance.min_slice_sqnr_db:g}"),
        ("tolerance.min_sample_sqnr_db", f"{comparison.tolerance.min_sample_sqnr_db:g}"),
        *(("note", note) for note in comparison.notes),
    )
    if hop.accuracy is not None and name == "vs_source":
        figures += (("accuracy", f"{hop.accuracy.value:.6g}"), ("accuracy.drop", f"{hop.accuracy.drop:.6g}"))
        if hop.accuracy.drop_ci95:
            figures += (("accuracy.drop_ci95", " ".join(f"{end:.6g}" for end in hop.accuracy.drop_ci95)),)
    if comparison.is_passed:
        return Case(name, figures=figures)
    return Case(name, "failure", comparison.reason, figures=figures)


def axes_case(hop: HopRecord, *, has_fault: bool) -> Case:
    """The dynamic axes; fails where the hop did and no other check says why."""
    figures = tuple((f"{axis.input}.{axis.axis}.{axis.name}", axis_state(axis)) for axis in hop.dynamic_axes)
    if hop.status == "failed" and has_fault:
        return Case("dynamic_axes", "failure", hop.error or "not kept", figures=figures)
    if not hop.dynamic_axes:
        return Case("dynamic_axes", "skipped", "the hop did not get that far")
    return Case("dynamic_axes", figures=figures)


def field_case(hop: HopRecord) -> Case:
    """The field runtime: a hop that passed may still not run there, which is no failure of the run."""
    field = hop.field_runtime
    if field is None or field.status == "passed":
        return Case("field_runtime")
    is_failure = field.status == "failed" and hop.status != "passed"
    outcome: Outcome = "failure" if is_failure else "skipped"
    return Case("field_runtime", outcome, f"{field.runtime}: {field.status}, {field.reason}")
