import re
import xml.etree.ElementTree as ET

import pytest
from msgspec.structs import replace

from convertkit.render import render

from .conftest import CRASH, WRONG, onnx_hop, report_of

# What junit-10.xsd of Jenkins' xUnit plugin allows: children, attributes (those it requires first).
SCHEMA = {
    "testsuites": ({"testsuite"}, (), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        ("name", "tests", "failures", "errors"),
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "testcase": (
        {"skipped", "error", "failure", "system-out", "system-err"},
        ("name",),
        {"time", "classname", "group"},
    ),
    "properties": ({"property"}, (), set()),
    "property": (set(), ("name", "value"), set()),
    "failure": (set(), (), {"type", "message"}),
    "error": (set(), (), {"type", "message"}),
    "skipped": (set(), (), {"type", "message"}),
    "system-out": (set(), (), set()),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
MIXED = {"failure", "error", "skipped", "system-out"}


def faults_of(element):
    """What Jenkins' schema does not allow of an element and all that it holds."""
    children, required, optional = SCHEMA[element.tag]
    found = [f"{element.tag}: {child.tag}" for child in element if child.tag not in children]
    found += [f"{element.tag}: {name} is missing" for name in required if name not in element.attrib]
    found += [f"{element.tag}: {name}" for name in set(element.attrib) - set(required) - optional]
    if "time" in element.attrib and not TIME.fullmatch(element.get("time")):
        found.append(f"{element.tag}: time {element.get('time')}")
    if element.tag not in MIXED and (element.text or "").strip():
        found.append(f"{element.tag}: text")
    return found + [fault for child in element if child.tag in SCHEMA for fault in faults_of(child)]


def test_it_is_valid_by_the_schema_of_jenkins(any_report, hostile):
    for report in (any_report, hostile):
        root = ET.fromstring(render(report, "junit").encode())
        assert root.tag == "testsuites"
        assert faults_of(root) == []


def test_the_check_of_the_schema_finds_what_it_does_not_allow(passed):
    root = ET.fromstring(render(passed, "junit").encode())
    ET.SubElement(root.find("testsuite/testcase"), "properties")
    root.set("skipped", "0")
    del root.find("testsuite").attrib["errors"]
    found = ["testcase: properties", "testsuite: errors is missing", "testsuites: skipped"]
    assert sorted(faults_of(root)) == found


def suite_of(report):
    return ET.fromstring(render(report, "junit").encode()).find("testsuite")


def outcomes(suite):
    return {
        (case.get("classname").partition("[")[2][:-1], case.get("name")): next(
            (child.tag for child in case if child.tag != "system-out"), "passed"
        )
        for case in suite.iter("testcase")
    }


def test_counts_are_those_of_the_cases(any_report):
    suite = suite_of(any_report)
    found = list(outcomes(suite).values())
    assert int(suite.get("tests")) == len(found) == len(list(suite.iter("testcase")))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(name)) == found.count(tag)


def test_all_pass(passed):
    suite = suite_of(passed)
    assert set(outcomes(suite).values()) == {"passed"}
    assert int(suite.get("tests")) == 3 * 4 + 1
    properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert properties["source.sha256"] == "cd" * 32
    lines = [line for case in suite.iter("testcase") for line in case.findtext("system-out", "").split("\n")]
    for line in ("artifact.size_bytes: 35176", "image.0.batch: kept", "accuracy.drop: 0.0024"):
        assert line in lines


def test_rejected(failed):
    found = outcomes(suite_of(failed))
    assert found["savedmodel:float32", "converted"] == "passed"
    assert found["savedmodel:float32", "vs_source"] == "failure"
    assert found["tflite:int8", "converted"] == "skipped"
    assert "failure" not in {found[key] for key in found if key[0] == "tflite:int8"}
    assert suite_of(failed).find(".//failure").get("message") == WRONG


def test_crash_is_an_error(crashed):
    suite = suite_of(crashed)
    assert outcomes(suite)["savedmodel:float32", "converted"] == "error"
    error = suite.find(".//error")
    assert error.get("message") == CRASH
    assert "'slim': True" in error.text


def test_field_runtime_fails_only_a_hop_that_had_to_run_there(static):
    assert outcomes(suite_of(static))["tflite:int8", "field_runtime"] == "skipped"
    hops = [replace(hop, status="failed") if hop.field_runtime else hop for hop in static.hops]
    required = replace(static, hops=tuple(hops), status="failed")
    assert outcomes(suite_of(required))["tflite:int8", "field_runtime"] == "failure"


def test_a_lost_axis_alone_is_not_a_failure(static):
    assert outcomes(suite_of(static))["savedmodel:float32", "dynamic_axes"] == "passed"


@pytest.mark.parametrize("comparison", [None, "passed"])
def test_a_failed_hop_never_looks_passed(comparison):
    fields = {} if comparison else {"vs_source": None, "vs_previous": None}
    report = report_of(onnx_hop(status="failed", error="wrong at batch = 3", **fields), status="failed")
    suite = suite_of(report)
    assert int(suite.get("failures")) == 1
    assert suite.find(".//failure").get("message") == "wrong at batch = 3"


def test_characters_xml_cannot_hold(hostile):
    suite = suite_of(hostile)
    assert "<script>" in suite.find(".//failure").get("message")
    assert "\x1b" not in render(hostile, "junit")


def test_a_fallback_is_a_property(fallback, passed):
    assert "fallback_for: dynamo" in render(fallback, "junit")
    assert "fallback_for" not in render(passed, "junit")
