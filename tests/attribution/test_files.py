"""What `blame` leaves in a run's folder after the run."""

from __future__ import annotations

from pathlib import Path

from convertkit.attribution.files import add_drift
from convertkit.report.report import FILE_NAME, load_report, write_json
from tests.render.conftest import onnx_hop, report_of
from tests.report.test_drift import blame, row


def test_the_drift_goes_into_the_report_and_its_page(tmp_path: Path) -> None:
    write_json(report_of(onnx_hop()), tmp_path / FILE_NAME)
    add_drift([blame(row(1, 20.0, 0.1))], tmp_path)
    add_drift([blame(row(1, 30.0, 0.1)), blame(row(3, 9.0, 0.4), candidate="onnx:int8")], tmp_path)
    found = load_report(tmp_path).drift
    assert [(each.candidate, each.tensors[0].sqnr_db) for each in found] == [
        ("tflite:int8", 30.0),
        ("onnx:int8", 9.0),
    ]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count('class="card drift"') == 2
    assert load_report(tmp_path).hops == report_of(onnx_hop()).hops
