"""What each latency is held beside: the float artifact of its format first, then the source."""

from __future__ import annotations

import msgspec

from convertkit.measurement.latency import Latency
from convertkit.report.versus import references, with_versus
from tests.render.conftest import cpu, onnx_hop, tflite_hop


def beside(hop):
    return [(one.artifact, round(one.ratio, 2)) for one in hop.latency[0].versus]


def test_the_float_artifact_of_the_format_comes_first_and_the_source_second():
    plain = tflite_hop(target="tflite:float32", latency=(cpu(0.1),))
    hops = with_versus([onnx_hop(latency=(cpu(0.2),)), tflite_hop(latency=(cpu(0.36),)), plain], (cpu(0.5),))
    assert beside(hops[0]) == [("torch:float32", 0.4)]
    assert beside(hops[1]) == [("tflite:float32", 3.6), ("torch:float32", 0.72)]
    assert beside(hops[2]) == [("torch:float32", 0.2)]


def test_without_a_float_artifact_there_is_the_source_alone():
    hops = with_versus([tflite_hop(latency=(cpu(0.36),))], (cpu(0.5),))
    assert [name for name, _ in beside(hops[0])] == ["savedmodel:float32"]  # what this route starts from


def test_a_device_is_compared_with_itself():
    gpu = Latency("cuda:0", 1, 1, 2.0, (1.9, 2.1))
    (hop,) = with_versus([onnx_hop(latency=(cpu(0.2), gpu))], (cpu(0.4),))
    assert [len(row.versus) for row in hop.latency] == [1, 0]


def test_the_source_of_the_same_format_is_compared_with_once():
    assert references("torch:int8", "torch:float32") == ["torch:float32"]
    assert references("tflite:float32", "torch:float32") == ["torch:float32"]
    assert references("tflite:int8", "torch:float32") == ["tflite:float32", "torch:float32"]


def test_nothing_measured_is_nothing_compared():
    hop = onnx_hop(latency=(Latency("cpu", skipped="no"),))
    assert with_versus([hop], ()) == (hop,)
    assert with_versus([], ()) == ()
    assert msgspec.json.decode(msgspec.json.encode(hop.latency[0])) == {"device": "cpu", "skipped": "no"}


def at(row, measured):
    return msgspec.structs.replace(row, measured=measured, rounds_ms=tuple([row.p50_ms] * 9))


def test_rows_of_different_times_have_to_differ_by_more():
    """A tenth is a difference between rounds side by side, and none between one day and another."""
    source, hop = at(cpu(0.5), "2026-11-28T09:00"), at(cpu(0.56), "2026-11-28T09:00")
    (together,) = with_versus([tflite_hop(latency=(hop,))], (source,))
    assert together.latency[0].versus[0].verdict == "slower"
    (apart,) = with_versus([tflite_hop(latency=(at(hop, "2026-11-29T09:00"),))], (source,))
    assert apart.latency[0].versus[0].verdict == "no measurable difference"
    assert apart.latency[0].rounds_ms
    (far,) = with_versus([tflite_hop(latency=(at(cpu(1.5), "2026-11-29T09:00"),))], (source,))
    assert far.latency[0].versus[0].verdict == "slower"
