import re

from convertkit.render import render
from convertkit.render.markdown_table import escape


def cells(line):
    return re.split(r"(?<!\\)\|", line)[1:-1]


def test_every_row_has_as_many_cells_as_its_heading(any_report):
    width = None
    for line in render(any_report, "markdown").splitlines():
        if not line.startswith("|"):
            width = None
            continue
        width = width or len(cells(line))
        assert len(cells(line)) == width, line


def test_the_first_line_is_the_verdict(passed, failed):
    assert (
        render(passed, "markdown").splitlines()[0].startswith("**PASSED:** model.int8.tflite ships: 35.2 kB")
    )
    assert render(failed, "markdown").splitlines()[0].startswith("**ERROR:** tflite:int8 does not ship")


def test_hop_table(passed):
    text = render(passed, "markdown")
    row = next(line for line in text.splitlines() if line.startswith("| savedmodel:float32 → tflite:int8"))
    assert [cell.strip() for cell in cells(row)[1:]] == [
        "passed",
        "TFLiteConverter",
        "35.2 kB",
        "22 %",
        "31.1",
        "0.379",
        "99.51",
        "0.24",
        "batch kept",
        "0.123",
        "0.121–0.127",
        "1.69",
        "441 MB",
    ]
    assert "passed (cached)" in text


def test_details(failed, static):
    text = render(failed, "markdown")
    options = 'batch="dynamic", slim=true'
    assert f"| onnx2tf | {options} | error | – | – | – | onnx2tf failed: unknown rank | 1.50 |" in text
    assert "rejected/model.savedmodel" in text
    assert "| extra | 0 | 0 | – | identical | – |" in text
    assert "## savedmodel:float32 → tflite:int8: not run" in text
    text = render(static, "markdown")
    assert "skipped: no CUDA device on this machine" in text
    assert "dynamic axis 0 of image, batch: not kept" in text
    assert "field runtime tflite-runtime: failed: 30.1 dB SQNR, below 40 dB" in text


def test_nothing_hostile_survives(hostile):
    text = render(hostile, "markdown")
    assert "<script" not in text
    assert "<b>" not in text
    assert "\x1b" not in text


def test_escape():
    assert escape("a|b`c`\n*d* _e_ snake_case <f> [g](h) &lt;") == (
        "a\\|b\\`c\\` \\*d\\* \\_e\\_ snake_case &lt;f&gt; \\[g\\](h) &amp;lt;"
    )


def test_a_fallback_is_marked_in_the_table_and_told_below(fallback):
    text = render(fallback, "markdown")
    assert "| passed (fallback, cached) | torchscript |" in text
    assert "- torchscript made it, a fallback for dynamo: the dynamo exporter failed" in text


def test_the_error_that_matters_says_how_many_others_there_are(failed):
    assert "(1 other attempt: see report)" in render(failed, "markdown")
