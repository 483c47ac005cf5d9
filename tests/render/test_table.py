import io

import pytest
from rich.console import Console

from convertkit.render import render
from convertkit.render.table import print_table, render_table

from .conftest import DECLINED, WRONG, onnx_hop, report_of, tflite_hop


def on_terminal(report, width, color=None):
    out = io.StringIO()
    print_table(report, Console(file=out, width=width, force_terminal=True, color_system=color))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_terminal(any_report, width):
    assert max(map(len, on_terminal(any_report, width).splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_cut_off_at_80_columns(passed, width):
    text = on_terminal(passed, width)
    assert "…" not in text
    for wanted in ("onnx:float32", "savedmodel:float32", "TFLiteConverter", "35.2 kB", "22 %", "31.1"):
        assert wanted in text
    for wanted in ("0.379", "99.51", "0.24", "batch", "yes", "0.123", "0.121–0.127", "1.69", "441 MB"):
        assert wanted in text


def test_long_names_leave_the_figures_whole():
    hop = tflite_hop(target="tflite:int8-dynamic", peak_rss_bytes=123_000_000_000)
    text = on_terminal(report_of(onnx_hop(), hop), 80)
    assert "123 GB" in text
    assert "0.121–0.127" in text


def test_cached_and_identical_are_marked(passed):
    lines = on_terminal(passed, 100).splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("savedmodel:float32"))
    assert "identical" in lines[row]
    assert "identical" not in lines[row + 2]  # the worst of two outputs counts
    assert "cached" in lines[row + 1]


def test_a_fallback_is_marked_and_its_reason_stands_below(fallback):
    lines = on_terminal(fallback, 80).splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("onnx:float32"))
    assert "fallback" in lines[row + 1]
    assert lines[row + 2].strip() == f"dynamo: error, {DECLINED}"
    assert "(torchscript, fallback, cached)" in render(fallback, "table")
    assert f"        dynamo: error, {DECLINED}" in render(fallback, "table").splitlines()


def test_a_failed_row_is_red_and_its_reason_stands_below(failed):
    text = on_terminal(failed, 100, color="standard")
    assert "\x1b[31mfailed" in text
    plain = on_terminal(failed, 100)
    lines = plain.splitlines()
    row = next(i for i, line in enumerate(lines) if " failed " in line)
    assert lines[row].startswith("savedmodel:float32")
    assert lines[row + 2].strip() == WRONG
    assert "not run" in plain


def test_lost_axis_and_skipped_latency(static):
    text = on_terminal(static, 80)
    row = next(line for line in text.splitlines() if line.startswith("tflite:int8 "))
    assert "skipped" in row
    assert "no CUDA device" in text
    assert "not kept" in text


def test_columns_without_content_are_left_out():
    text = on_terminal(report_of(onnx_hop(dynamic_axes=(), accuracy=None)), 100)
    assert "Acc." not in text
    assert "Axes" not in text


def test_no_escape_code_reaches_the_terminal(hostile):
    assert "\x1b" not in on_terminal(hostile, 100)
    assert "\x1b" not in render(hostile, "table")


def test_plain_where_there_is_no_terminal(passed, failed):
    out = io.StringIO()
    print_table(passed, Console(file=out, force_terminal=False))
    assert out.getvalue() == render(passed, "table")
    lines = render(passed, "table").splitlines()
    assert lines[0].startswith("source  torch:float32  157 kB")
    assert lines[1].startswith("passed  torch:float32 -> onnx:float32")
    assert "(onnx2tf, cached)" in lines[2]
    assert "SQNR 31.1 dB" in lines[3]
    assert "accuracy 99.51 % (drop 0.24 points)" in lines[3]
    assert lines[-1].startswith("PASSED: ")
    assert f"        {WRONG}" in render(failed, "table").splitlines()


def test_render_table_is_a_table(passed):
    assert render_table(passed).row_count == 2 + 1 + 3


def test_rivals_stand_below_their_hop(rivalry):
    lines = on_terminal(rivalry, 100).splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("tflite:int8"))
    assert lines[row + 2].strip() == "TFLiteConverter: passed, 102 kB, 28.8 dB, accuracy 99.51 %"
    assert lines[row + 3].strip() == "litert-quantizer: passed, 101 kB, 29.1 dB, accuracy 99.51 %; kept"
