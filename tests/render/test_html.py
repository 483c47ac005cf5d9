import math
import re
from html.parser import HTMLParser

import msgspec
import pytest

from convertkit.artifacts.pixels import Pixels
from convertkit.artifacts.signature import TensorSpec
from convertkit.render import render
from convertkit.render.attempts import why_lost
from convertkit.render.charts import latency_charts, size_chart
from convertkit.render.next_steps import next_steps
from convertkit.render.signatures import signature_rows
from convertkit.render.verdict import beside_float

from .conftest import cpu, onnx_hop, report_of, rival, savedmodel_hop, tflite_hop

VOID = {"meta", "rect", "line", "path"}


class Page(HTMLParser):
    """Tags, checked to be balanced, and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def test_balanced_and_self_contained(any_report):
    page = Page(render(any_report, "html"))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "href", "onclick", "onload")]
    assert "url(" not in render(any_report, "html")
    assert page.tags.count("table") > 0
    assert [name for name, _ in page.attributes].count("aria-label") >= page.tags.count("table")


def test_hostile_names_are_shown_not_run(hostile):
    page = Page(render(hostile, "html"))
    assert "<script>alert('x')</script>" in page.text
    assert "script" not in page.tags
    assert "b" not in page.tags


def test_the_banner_says_it_all(passed, failed, static):
    text = Page(render(passed, "html")).text
    assert text.index("✓ PASSED") < text.index("model.int8.tflite ships.") < text.index("35.2 kB")
    assert "22 % of the source's 157 kB" in text
    assert "0.24 points below the source" in text
    assert "accuracy decides, not SQNR" in text
    assert "4.1× as fast as the source" in text
    text = Page(render(failed, "html")).text
    assert text.index("✗ ERROR") < text.index("does not ship") < text.index("Hops")
    assert "– not run" in text
    text = Page(render(static, "html")).text
    assert text.index("is not kept") < text.index("Know before shipping")


def test_the_hop_that_failed_is_open(passed, failed):
    assert len(re.findall(r"<details[^>]* open", render(failed, "html"))) == 1
    assert " open>" not in render(passed, "html")


def test_size_bars_are_in_proportion(passed):
    bars = {bar.label: bar for bar in size_chart(passed).bars}
    assert bars["savedmodel:float32"].length == 100
    assert bars["tflite:int8"].length == pytest.approx(100 * 35_176 / 158_565)
    assert bars["tflite:int8"].text == "35.2 kB (22 %)"


def test_latency_bars_keep_devices_apart(static):
    [chart] = latency_charts(static)
    assert chart.title.endswith("(cpu, 1 thread, batch 1)")
    assert chart.bars[-1].text == "skipped: it does not load"
    assert chart.bars[-1].length == 0
    assert all(bar.high <= 100 + 1e-9 for bar in chart.bars if bar.high)


def test_far_apart_they_stand_on_a_logarithmic_scale():
    [chart] = latency_charts(report_of(onnx_hop(latency=(cpu(0.0051),)), savedmodel_hop(latency=(cpu(7.5),))))
    assert [label for _, label in chart.ticks] == ["0.001", "0.01", "0.1", "1", "10"]
    assert [position for position, _ in chart.ticks] == pytest.approx([0, 25, 50, 75, 100])
    assert [bar.length for bar in chart.bars] == [
        pytest.approx(25 * (3 + math.log10(value))) for value in (0.51, 0.0051, 7.5)
    ]


def test_bars_say_their_batch_where_it_differs():
    [chart] = latency_charts(report_of(onnx_hop(latency=(cpu(0.1, batch=8),))))
    assert chart.title.endswith("(cpu)")
    assert chart.bars[1].text.endswith("cpu, 1 thread, batch 8")


def test_a_fallback_is_marked_wherever_the_hop_stands(fallback):
    text = render(fallback, "html")
    assert "✓ passed · fallback · cached" in text
    assert "(fallback, cached)</td>" in text
    assert "torchscript made it, a fallback for dynamo" in text


def test_what_to_do_next_stands_on_the_page_of_a_run_that_did_not_pass(passed, failed, crashed):
    assert next_steps(passed) == []
    assert "What to do next" not in render(passed, "html")
    mismatch, crash = next_steps(failed), next_steps(crashed)
    assert "repro/onnx_to_savedmodel.float32.sh does this hop alone." in mismatch
    assert any("convertkit gate RUN" in line for line in mismatch)
    assert mismatch[-1] == "tflite:int8 was not tried, since it starts from savedmodel:float32."
    assert crash[0] == "logs/onnx_to_savedmodel.float32.log has all that the converter wrote."
    for form in ("html", "markdown"):
        assert "What to do next" in render(failed, form)
    bad = tflite_hop(status="failed", error="14.9 dB", exit_code=7)
    steps = " ".join(next_steps(report_of(onnx_hop(), bad, status="failed")))
    assert "blame" in steps
    assert "--rescue" in steps


@pytest.mark.parametrize(
    ("loser", "kept", "said"),
    [
        ((0.98, 31.0, 9), (0.99, 30.0, 9), "less accurate than what was kept: 98.00 % against 99.00 %"),
        ((None, 28.0, 9), (None, 30.0, 9), "less exact than what was kept: 28.0 dB against 30.0 dB"),
        ((None, 30.2, 2000), (None, 30.0, 1000), "larger than what was kept: 2.00 kB against 1.00 kB"),
        ((None, 30.2, 1000), (None, 30.0, 1000), "another was preferred"),
    ],
)
def test_an_attempt_says_why_it_lost(loser, kept, said):
    def attempt_of(figures, **fields):
        accuracy, sqnr_db, size = figures
        return msgspec.structs.replace(rival("x", sqnr_db, size), accuracy=accuracy, **fields)

    hop = onnx_hop(attempts=(attempt_of(loser), attempt_of(kept, kept=True)))
    assert [why_lost(hop, one) for one in hop.attempts] == [said, "–"]
    for form in ("html", "markdown"):
        assert said.split(":")[0] in render(report_of(hop), form)


def test_the_signature_of_an_artifact_is_a_table():
    image = TensorSpec("image", "int8", ("batch", 8, 8, 1), (0, 2, 3, 1), 0.0123, -7)
    hop = tflite_hop(inputs=(image,), outputs=(TensorSpec("y", "float32", ("batch", 10), key="Identity"),))
    assert signature_rows(hop) == [
        ("input image", "image", "int8", "[batch, 8, 8, 1]", "0, 2, 3, 1", "0.0123000", "-7"),
        ("output y", "Identity", "float32", "[batch, 10]", "as the source", "–", "–"),
    ]
    for form in ("html", "markdown"):
        assert "0.0123000" in render(report_of(hop), form)


def test_an_input_that_takes_pixels_says_so():
    spec = TensorSpec("image", "uint8", ("batch", 8, 8, 1), pixels=Pixels(255.0, (0.5,), (0.5,)))
    row, _ = signature_rows(tflite_hop(inputs=(spec,), outputs=(TensorSpec("y", "float32", ("batch", 10)),)))
    assert row[2] == "uint8, pixels of 0 to 255"


def test_int8_stands_beside_float32_of_its_format():
    float32 = msgspec.structs.replace(tflite_hop(), target="tflite:float32")
    artifact = msgspec.structs.replace(float32.artifact, size_bytes=70_352)
    report = report_of(onnx_hop(), msgspec.structs.replace(float32, artifact=artifact), tflite_hop())
    assert "50 % of tflite:float32" in render(report, "html")
    assert beside_float(report, report.hops[1]) == []
