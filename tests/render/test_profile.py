"""A profile in every form of the report: figures, modules, reasons, and nothing where none was taken."""

import msgspec

from convertkit.measurement.profile import OperatorShare, Profile
from convertkit.render.html import render_html
from convertkit.render.markdown import render_markdown
from convertkit.render.profile import profile_heading

TOP = (
    OperatorShare("Conv", 0.62, 0.31, 1.0, "node_conv", "features.0"),
    OperatorShare("Reorder", 0.043, 0.0215, 2.0, "<made> up"),
)
PROFILE = Profile("profiles/model.onnx.json", 20, 0.9, 0.5, 41, TOP)
REFUSED = Profile(skipped="not offered by <it>")


def with_profiles(report):
    first, *rest = report.hops
    hops = (msgspec.structs.replace(first, profile=PROFILE), *rest)
    return msgspec.structs.replace(report, hops=hops, source_profile=REFUSED)


def test_a_heading_says_what_was_done_or_why_not():
    where = "trace: profiles/model.onnx.json"
    assert profile_heading(PROFILE) == f"profiled: 20 calls, 0.500 ms of each in 41 operators; {where}"
    assert profile_heading(REFUSED) == "not profiled: not offered by <it>"


def test_markdown_has_the_operators_of_a_hop_and_the_reason_of_the_source(passed):
    lines = render_markdown(with_profiles(passed)).splitlines()
    assert "| 62 % | 0.310 | 1.00 | Conv | features.0 | node_conv |" in lines
    assert "| 4.3 % | 0.0215 | 2.00 | Reorder | – | &lt;made&gt; up |" in lines
    assert "The source, not profiled: not offered by &lt;it&gt;" in lines
    assert "profiled" not in render_markdown(passed)


def test_html_has_them_escaped(passed):
    page = render_html(with_profiles(passed))
    assert '<tr><th scope="row">62 %</th><td>0.310</td><td>1.00</td><td class="text">Conv</td>' in page
    assert "&lt;made&gt; up" in page
    assert "not profiled: not offered by &lt;it&gt;" in page
    assert page.startswith("<!")
    assert "Where the time goes" not in render_html(passed)
