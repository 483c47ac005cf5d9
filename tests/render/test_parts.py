"""What the gate knows of the parts of outputs, in words, and that every form of the report shows it."""

import msgspec
import pytest
from rich.console import Console

from convertkit.render.html import render_html
from convertkit.render.junit import render_junit
from convertkit.render.markdown import render_markdown
from convertkit.render.parts import describe_asked, describe_interval, describe_samples, describe_slice
from convertkit.render.plain import render_plain
from convertkit.render.table import render_table
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.compare import OutputMetrics, SampleFigure, WorstSlice
from convertkit.validation.gate import Comparison
from convertkit.validation.tolerance import Tolerance
from tests.render.conftest import onnx_hop, report_of, tflite_hop

ROW = OutputMetrics(
    "y",
    3.2,
    0.7,
    0.99,
    47.8,
    None,
    worst_slice=WorstSlice(1, 4, 0.04),
    sample_sqnr_p5_db=3.31,
    noise_floor_db=42.87,
    lost_samples=2,
    worst_samples=(SampleFigure(63, 3.2), SampleFigure(7, 3.9)),
)
BARE = OutputMetrics("y", 0.0, 0.0, None, 200.0, None)
NOTE = "output 'y': 2 of 48 samples are lost"
REASON = "output 'y', axis 1, 4..9: 0.0 dB, constant 0, the source's is not"


@pytest.fixture
def judged():
    """An INT8 hop that failed by a slice, with labels too few to decide."""
    tolerance = Tolerance(20.0, 0.01, 0.9, 8.0, 8.0, 0.0)
    comparison = Comparison((ROW,), "failed", tolerance, REASON, (NOTE,))
    accuracy = Accuracy("top1", 0.9922, 0.0078, "y", (-0.0131, 0.0285), 128, 1, 0)
    hop = tflite_hop(
        status="failed", error=REASON, vs_source=comparison, vs_previous=None, accuracy=accuracy, exit_code=7
    )
    return report_of(onnx_hop(), hop, status="failed")


def test_words():
    assert describe_slice(ROW) == "0.0 (axis 1, 4)"
    assert describe_samples(ROW) == "3.3 (2 lost, worst in rows 63, 7)"
    assert describe_slice(BARE) == describe_samples(BARE) == "–"
    one = msgspec.structs.replace(ROW, lost_samples=1, worst_samples=ROW.worst_samples[:1])
    assert describe_samples(one) == "3.3 (1 lost, worst in row 63)"
    assert describe_asked(Tolerance(20.0, 0.01, 0.9, 8.0, 7.0)) == "at least 20 dB, slices 8, samples 7"
    assert describe_asked(Tolerance(20.0)) == "at least 20 dB"
    assert describe_interval(Accuracy("top1", 1.0, 0.0, "y")) == ""


def test_plain_text(judged):
    text = render_plain(judged)
    assert "SQNR 47.8 dB  slices 0.0  samples 3.3  max error 3.20" in text
    assert "(drop 0.78 points, 95 % interval -1.31 to 2.85 points, 128 samples)" in text
    assert NOTE in text
    assert "worst slice 0.0 (axis 1, 4), samples 3.3 (2 lost, worst in rows 63, 7)" in text


def test_terminal(judged):
    console = Console(width=200, record=True, file=None)
    with console.capture() as capture:
        console.print(render_table(judged, width=200))
    text = capture.get()
    assert NOTE in text
    assert "worst slice 0.0 (axis 1, 4)" in text


def test_markdown(judged):
    text = render_markdown(judged)
    assert "at least 20 dB, slices 8, samples 8" in text
    assert "| 47.8 | 0.0 (axis 1, 4) | 3.3 (2 lost, worst in rows 63, 7) | 42.9 |" in text
    assert f"- {NOTE}" in text
    assert "accuracy drops by 0.78 points, 95 % interval -1.31 to 2.85 points, 128 samples" in text


def test_html(judged):
    text = render_html(judged)
    for words in (
        "slices 8, samples 8",
        "0.0 (axis 1, 4)",
        "worst in rows 63, 7",
        "<td>42.9</td>",
        "128 samples",
    ):
        assert words in text
    assert "2 of 48 samples are lost" in text


def test_junit(judged):
    text = render_junit(judged)
    for name, value in (
        ("worst_slice_sqnr_db", "0.0"),
        ("sample_sqnr_p5_db", "3.3"),
        ("tolerance.min_slice_sqnr_db", "8"),
        ("accuracy.drop_ci95", "-0.0131 0.0285"),
    ):
        assert f"{name}: {value}" in text
    assert "2 of 48 samples are lost" in text


def test_accuracy_is_not_said_to_decide_where_it_cannot(judged):
    assert "accuracy decides" not in render_html(judged)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_what_a_stage_says_is_on_the_console(count):
    notes = tuple(f"{number} of 2 operators with weights are INT8" for number in range(count))
    report = report_of(onnx_hop(notes=notes), tflite_hop())
    console = Console(width=200, record=True, file=None)
    with console.capture() as capture:
        console.print(render_table(report, width=200))
    for text in (render_plain(report), capture.get()):
        assert [note in text for note in notes] == [number < 3 for number in range(count)]
        assert ("2 more notes: see report" in text) == (count == 5)
