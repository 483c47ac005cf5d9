"""`report.html` in a headless Chromium, where there is one: light, dark, printed, on a narrow screen."""

from __future__ import annotations

import shutil

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.render import render
from convertkit.render.numbers import format_bytes, format_ms, format_sqnr_db
from convertkit.render.summary import latency_on, min_sqnr_db

from .conftest import cpu, drift_of_sizes, onnx_hop, report_of, rescue_of, savedmodel_hop, tflite_hop

pytestmark = pytest.mark.slow
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright"
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZES = {"wide": (1280, 900), "narrow": (360, 740)}
LONG = "output 'boxes': 3.2 dB SQNR, below 60 dB; " * 3

BROKEN_WORDS = """() => {
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT), broken = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const home = node.parentElement;
    if (home.closest('code, svg') || !home.checkVisibility()) continue;
    for (const found of node.data.matchAll(/[A-Za-z0-9./]+/g)) {
      const range = document.createRange();
      range.setStart(node, found.index); range.setEnd(node, found.index + found[0].length);
      const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (found[0].length < 20 && lines.size > 1) broken.push(found[0]);
    }
  }
  return broken;
}"""
OUTSIDE = """() => [...document.querySelectorAll('h1, h2, h3, h4, figcaption, dd, .bar, summary, p, li')]
  .filter(one => one.checkVisibility() && !one.closest('.scroll'))
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => one.textContent.slice(0, 60))"""
CUT = """() => {
  const edge = document.querySelector('main').getBoundingClientRect().right + 1;
  return [...document.querySelectorAll('table, .map svg')]
    .filter(one => one.getBoundingClientRect().right > edge).map(one => one.getAttribute('aria-label'));
}"""
HIDDEN = """() => [...document.querySelectorAll('details *')].filter(one => !one.checkVisibility(
  {contentVisibilityAuto: true})).map(one => one.tagName)"""
CONTRAST = """() => {
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(part => {
    part /= 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const back = one => { for (; one; one = one.parentElement) {
      const found = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$/.test(found)) return found; }
    return 'rgb(255, 255, 255)'; };
  return Math.min(...[...document.querySelectorAll('p, td, th, dd, dt, h1, h2, h3, h4, .word')]
    .filter(one => one.checkVisibility() && one.textContent.trim()).map(one => {
      const [a, b] = [light(getComputedStyle(one).color), light(back(one))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05); }));
}"""


@pytest.fixture(scope="module")
def browser():
    """A Chromium of the system's, or playwright's own."""
    with playwright.sync_playwright() as started:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        try:
            launched = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


class Opened:
    """A page, and all that it asked for or complained of."""

    def __init__(self, browser, html, folder, **options):
        file = folder / "report.html"
        file.write_text(html, encoding="utf-8")
        self.page = browser.new_page(**options)
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a report; every page has to ask for nothing, and to complain of nothing."""
    pages = []

    def open_report(report, size="wide", **options):
        width, height = SIZES[size]
        viewport = {"width": width, "height": height}
        pages.append(Opened(browser, render(report, "html"), tmp_path, viewport=viewport, **options))
        return pages[-1].page

    yield open_report
    for one in pages:
        assert one.complaints == []
        assert len(one.requests) == 1
        one.page.close()


SPECS = {
    "inputs": (TensorSpec("image", "int8", ("batch", 8, 8, 1), (0, 2, 3, 1), 0.0123, -7),),
    "outputs": (TensorSpec("output", "float32", ("batch", 10), key="StatefulPartitionedCall:0"),),
}


def branched():
    """float32 and INT8 beside each other, a rescue, latencies a thousand times apart."""
    float32 = msgspec.structs.replace(
        tflite_hop(latency=(cpu(0.0051),), **SPECS), target="tflite:float32", accuracy=None
    )
    rescued = tflite_hop(rescue=rescue_of(2), latency=(cpu(0.0279),), **SPECS)
    drift = drift_of_sizes(*np.linspace(55.0, 21.0, 60).tolist())
    return report_of(onnx_hop(), savedmodel_hop(latency=(cpu(7.5),)), float32, rescued, drift=(drift,))


@pytest.mark.parametrize("size", SIZES)
def test_nothing_stands_outside_and_no_word_is_broken(opened, failed, size):
    long = msgspec.structs.replace(failed.hops[1], error=LONG)
    for report in (branched(), msgspec.structs.replace(failed, hops=(failed.hops[0], long, failed.hops[2]))):
        page = opened(report, size)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate(BROKEN_WORDS) == []


def test_what_can_be_scrolled_says_so_by_a_shadow(opened):
    page = opened(branched(), "narrow")
    backgrounds = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth)"
        ".map(one => getComputedStyle(one).backgroundImage)"
    )
    assert len(backgrounds) > 1
    assert all("gradient" in background for background in backgrounds)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(opened, failed, scheme):
    for report in (branched(), failed):
        page = opened(report, color_scheme=scheme)
        is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 20, 24)"
        assert is_dark is (scheme == "dark")
        assert page.evaluate(CONTRAST) >= 4.5


def test_printed_it_is_all_there(opened):
    page = opened(branched(), color_scheme="dark")
    assert "TABLE" in page.evaluate(HIDDEN)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1046, "height": 720})  # A4 landscape less its margins
    assert page.evaluate(HIDDEN) == []
    assert page.evaluate(CUT) == []
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"


def test_figures_are_those_of_the_report(opened):
    report = msgspec.json.decode(render(branched(), "json"), type=type(branched()))
    page = opened(report)
    rows = page.locator("[aria-label='All hops'] tbody tr").all_inner_texts()
    assert len(rows) == len(report.hops) + 1
    for text, hop in zip(rows[1:], report.hops, strict=True):
        cells = text.split("\t")
        assert cells[0] == hop.target
        assert cells[2] == format_bytes(hop.artifact.size_bytes)
        assert cells[4] == format_sqnr_db(min_sqnr_db(hop.vs_source))
        assert cells[9] == format_ms(latency_on(hop.latency).p50_ms)


def test_every_branch_is_drawn(opened):
    page = opened(branched())
    names = page.locator(".map text.name").all_text_contents()
    assert names == ["torch:float32", "onnx:float32", "savedmodel:float32", "tflite:float32", "tflite:int8"]
    boxes = [box.bounding_box() for box in page.locator(".map g rect").all()]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = one["x"] + one["width"] < other["x"] or one["y"] + one["height"] < other["y"]
            assert apart or other["x"] + other["width"] < one["x"]
    assert page.locator(".map path").count() == len(names) - 1


def test_no_bar_vanishes(opened):
    page = opened(branched())
    widths = [
        float(bar.get_attribute("width")) for bar in page.locator(".bar:not(.x) rect:not(.track)").all()
    ]
    assert min(widths) > 5
    assert page.locator(".axis").count() == 1


@pytest.mark.parametrize("size", SIZES)
def test_the_drift_of_every_tensor_is_drawn_as_the_report_has_it(opened, size):
    report = branched()
    page = opened(report, size)
    chart, tensors = page.locator(".drift"), report.drift[0].tensors
    line, losses = chart.locator("svg").all()
    points = line.locator("polyline").get_attribute("points").split()
    assert len(points) == len(tensors) == losses.locator("rect.added").count()
    labels = [float(text) for text in chart.locator(".plot").first.locator(".scale span").all_inner_texts()]
    for point, tensor in zip(points, tensors, strict=True):
        share = 1 - float(point.split(",")[1]) / 100
        assert abs(min(labels) + share * (max(labels) - min(labels)) - tensor.sqnr_db) < 0.1
    box, edge = line.bounding_box(), chart.bounding_box()
    assert box["x"] > edge["x"]
    assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    assert box["width"] > SIZES[size][0] / 2
    for label in chart.locator(".scale span").all():
        place = label.bounding_box()
        assert edge["x"] <= place["x"]
        assert place["x"] + place["width"] <= box["x"]
    first = chart.locator("tbody tr").first.inner_text().split("\t")
    assert first[0] == max(tensors, key=lambda one: one.added).module
