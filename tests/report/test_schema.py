"""The schema of `report.json`: that of the types, and every report is valid by it."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest

from convertkit.render import render
from convertkit.report.schema import report_schema, schema_text
from tests.render.conftest import onnx_hop, report_of, rescue_of, savedmodel_hop, tflite_hop

ROOT = Path(__file__).parents[2]


def test_what_is_shipped_is_the_schema_of_the_types() -> None:
    shipped = (ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "convertkit report --schema > docs/report.schema.json"
    jsonschema.Draft202012Validator.check_schema(report_schema())


REPORTS = (
    report_of(onnx_hop(), savedmodel_hop(), tflite_hop()),
    report_of(onnx_hop(), tflite_hop(rescue=rescue_of(2)), targets=("tflite:int8",)),
    report_of(onnx_hop(status="failed", artifact=None, vs_source=None, error="no"), status="failed"),
)


@pytest.mark.parametrize("report", REPORTS, ids=["passed", "rescued", "failed"])
def test_every_report_is_valid_and_may_hold_more(report):
    content = msgspec.json.decode(render(report, "json"))
    validator = jsonschema.Draft202012Validator(report_schema())
    assert list(validator.iter_errors(content)) == []
    content["hops"][0] |= {"of_a_later_release": 1}
    assert list(validator.iter_errors(content)) == []


@pytest.mark.parametrize(
    ("key", "value"), [("status", "fine"), ("hops", {}), ("schema_version", "1"), ("source", None)]
)
def test_what_is_no_report_is_not_valid(key, value):
    content = msgspec.json.decode(render(REPORTS[0], "json")) | {key: value}
    assert list(jsonschema.Draft202012Validator(report_schema()).iter_errors(content))
