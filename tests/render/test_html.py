import re
from html.parser import HTMLParser

import pytest

from convertkit.render import render
from convertkit.render.html import latency_charts, size_bars

from .conftest import cpu, onnx_hop, report_of

VOID = {"meta", "rect", "line"}


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
    assert page.tags.count("caption") == page.tags.count("table") > 0


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
    bars = {bar.label: bar for bar in size_bars(passed)}
    assert bars["savedmodel:float32"].length == 100
    assert bars["tflite:int8"].length == pytest.approx(100 * 35_176 / 158_565)
    assert bars["tflite:int8"].text == "35.2 kB (22 %)"


def test_latency_bars_keep_devices_apart(static):
    [(setting, bars)] = latency_charts(static)
    assert setting == "cpu, 1 thread, batch 1"
    assert bars[-1].text == "skipped: it does not load"
    assert bars[-1].length == 0
    assert all(bar.high <= 100 + 1e-9 for bar in bars if bar.high)


def test_bars_say_their_batch_where_it_differs():
    [(setting, bars)] = latency_charts(report_of(onnx_hop(latency=(cpu(0.1, batch=8),))))
    assert setting == "cpu"
    assert bars[1].text.endswith("cpu, 1 thread, batch 8")


def test_a_fallback_is_marked_wherever_the_hop_stands(fallback):
    text = render(fallback, "html")
    assert " · fallback · cached" in text
    assert "(fallback, cached)</td>" in text
    assert "torchscript made it, a fallback for dynamo" in text
