import subprocess
import sys

import msgspec
import pytest

from convertkit.errors import UsageError
from convertkit.render import RENDERERS, render
from convertkit.report.report import Report


def test_every_format_of_every_report_ends_in_a_line_end(any_report):
    for form in RENDERERS:
        assert render(any_report, form).endswith("\n")
        assert "None" not in render(any_report, form).replace("'None'", "")


def test_json_is_the_report(passed):
    assert msgspec.json.decode(render(passed, "json"), type=Report) == passed


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_rivals_stand_side_by_side_with_their_figures(rivalry, passed, form):
    text = render(rivalry, form)
    for wanted in ("TFLiteConverter", "litert-quantizer", "102 kB", "101 kB", "28.8", "29.1", "kept"):
        assert wanted in text, wanted
    assert "litert-quantizer (kept)" in text or "dB, accuracy 99.51 %; kept" in text
    assert "(kept)" not in render(passed, form)
    assert "; kept" not in render(passed, form)


def test_a_misspelt_format(passed):
    with pytest.raises(UsageError, match="did you mean 'markdown'"):
        render(passed, "markdwn")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("convertkit.render", ["rich", "jinja2", "xml.etree.ElementTree"]),
        ("convertkit.render.markdown", ["rich", "jinja2"]),
        ("convertkit.render.plain", ["rich", "jinja2"]),
        ("convertkit.render.html", ["rich", "torch", "tensorflow", "onnx"]),
        ("convertkit.render.table", ["jinja2", "torch", "tensorflow", "onnx"]),
    ],
)
def test_heavy_imports_wait(module, unwanted):
    code = f"import sys, {module}; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
