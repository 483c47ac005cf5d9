"""Memory and placement on a GPU, in words."""

from __future__ import annotations

from msgspec.structs import replace

from convertkit.measurement.latency import Latency
from convertkit.render.gpu import gpu_remarks
from convertkit.render.html import render_html
from convertkit.render.markdown import render_markdown
from convertkit.render.speed import device_lines
from convertkit.workers.answers import GpuMemory
from tests.render.conftest import cpu, onnx_hop, report_of

GPU = Latency("cuda:0", 1, 1, 0.5, (0.4, 0.6), 1.0, 1.0, 60)
FULL = replace(GPU, gpu_memory=GpuMemory(512_000_000, 12_400_000, 30_100_000, 42_000_000))
PARTIAL = replace(GPU, left_on_cpu=("Shape", "Unique"))


def test_memory_is_said_as_far_as_it_is_known() -> None:
    assert gpu_remarks([FULL]) == [
        "memory of cuda:0: 12.4 MB allocated, 30.1 MB at the peak, 42.0 MB reserved, 512 MB of the card"
    ]
    assert gpu_remarks([replace(GPU, gpu_memory=GpuMemory(card_bytes=7_000_000))]) == [
        "memory of cuda:0: 7.00 MB of the card"
    ]
    assert gpu_remarks([GPU, replace(GPU, gpu_memory=GpuMemory())]) == []


def test_what_stays_on_the_cpu_is_named() -> None:
    assert gpu_remarks([PARTIAL]) == ["cuda:0 is partial: Shape, Unique run on the CPU"]


def test_every_report_marks_a_partial_row() -> None:
    report = report_of(onnx_hop(latency=(cpu(0.1), PARTIAL)))
    assert device_lines(report) == ["p50 on cuda:0, ms: onnx:float32 0.500 (partial)"]
    assert "cuda:0 is partial: Shape, Unique run on the CPU" in render_markdown(report)
    assert "cuda:0 is partial: Shape, Unique run on the CPU" in render_html(report)
