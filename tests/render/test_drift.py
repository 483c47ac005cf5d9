"""The drift of every tensor as a chart."""

from __future__ import annotations

import math

import pytest

from convertkit.render import render
from convertkit.render.drift import HEIGHT, WIDTH, drift_chart, scale_of
from convertkit.report.drift import Drift, TensorDrift
from convertkit.validation.powers import LARGEST_SQNR_DB

from .conftest import HOSTILE, drift_of_sizes, onnx_hop, report_of

NAN = TensorDrift("norm", "MUL", "", -LARGEST_SQNR_DB, 1.0, 0.0, has_nan=True)


def test_every_tensor_has_its_place_in_the_order_of_execution():
    drift = drift_of_sizes(51.0, 38.0, 24.0)
    chart = drift_chart(drift)
    points = [tuple(map(float, point.split(","))) for point in chart.points.split()]
    assert [x for x, _ in points] == pytest.approx([WIDTH * (at + 0.5) / 3 for at in range(3)], abs=0.1)
    low, high = float(chart.ticks[0][1]), float(chart.ticks[-1][1])
    for (_, y), tensor in zip(points, drift.tensors, strict=True):
        assert y == pytest.approx(HEIGHT * (high - tensor.sqnr_db) / (high - low), abs=0.1)
    assert [column.added for column in chart.columns] == pytest.approx(
        [HEIGHT * one.added for one in drift.tensors]
    )
    assert all("dB" in column.text for column in chart.columns)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([24.0, 51.0], (20.0, 60.0, 10.0)),
        ([-3.0, 100.0], (-20.0, 100.0, 20.0)),
        ([-150.0, 140.0], (-160.0, 160.0, 80.0)),
        ([30.0], (30.0, 40.0, 10.0)),
        ([LARGEST_SQNR_DB], (0.0, 10.0, 10.0)),
        ([LARGEST_SQNR_DB, 45.0], (40.0, 50.0, 10.0)),
    ],
)
def test_the_axis_has_room_for_all_but_what_is_identical(values, scale):
    assert scale_of(values) == scale


def test_what_lies_beyond_the_axis_stands_at_its_end():
    chart = drift_chart(drift_of_sizes(LARGEST_SQNR_DB, 45.0, 48.0))
    heights = [float(point.split(",")[1]) for point in chart.points.split()]
    assert heights[0] == 0
    assert all(0 <= height <= HEIGHT and math.isfinite(height) for height in heights)
    assert "from identical at the first" in chart.summary


def test_the_table_has_what_loses_most_nan_first():
    drift = drift_of_sizes(51.0, 38.0, 24.0)
    drift = Drift("tflite:int8", "tflite:float32", 16, (*drift.tensors, NAN), 3)
    rows = drift_chart(drift).rows
    assert [row[2] for row in rows] == ["norm", "t2", "t1", "t0"]
    assert rows[0][3].endswith("(NaN)")
    assert "4 tensors, from 51.0 dB" in drift_chart(drift).summary
    assert drift_chart(drift).summary.endswith("; 3 more have no counterpart")


def test_names_of_a_model_are_text_on_the_page():
    tensors = (TensorDrift(HOSTILE, HOSTILE, HOSTILE, 20.0, 0.5, 0.5),)
    page = render(report_of(onnx_hop(), drift=(Drift(HOSTILE, HOSTILE, 1, tensors),)), "html")
    assert "<script>alert" not in page
    assert "Drift of every tensor" in page
    assert "Drift of every tensor" not in render(report_of(onnx_hop()), "html")
