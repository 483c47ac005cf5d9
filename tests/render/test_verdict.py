import msgspec

from convertkit.measurement.latency import Latency
from convertkit.render.facts import facts
from convertkit.render.speed import device_lines
from convertkit.render.summary import culprit, describe_drop, min_sqnr_db, shorten, worst
from convertkit.render.verdict import caveats, headline, verdict_line

from .conftest import DECLINED, NO_GPU, WRONG, compared, cpu, onnx_hop, report_of, savedmodel_hop


def test_passed_says_what_ships_and_its_figures(passed):
    line = verdict_line(passed)
    assert line.startswith("PASSED: model.int8.tflite ships: 35.2 kB (22 % of the source)")
    assert "accuracy 99.51 % (0.24 points below the source)" in line
    assert "31.1 dB SQNR" in line
    assert "p50 0.123 ms on the CPU (4.1× as fast as the source [3.9–4.4])" in line
    assert "dynamic axis batch kept" in line


def test_the_culprit_is_the_hop_that_ran_not_the_one_that_could_not(failed):
    assert culprit(failed).target == "savedmodel:float32"
    assert headline(failed) == (
        f"tflite:int8 does not ship because of savedmodel:float32: {WRONG}. 1 other attempt: see report. "
        "It is kept as rejected/model.savedmodel."
    )
    assert verdict_line(failed).startswith("ERROR: ")


def test_the_only_attempt_has_no_others_beside_it(crashed):
    assert "other attempt" not in headline(crashed)


def test_a_fallback_is_told_in_the_last_line_and_among_the_caveats(fallback):
    assert verdict_line(fallback).startswith(
        "PASSED: model.onnx ships, but onnx:float32 is by a fallback (torchscript for dynamo): 80.2 kB"
    )
    assert f"onnx:float32: torchscript made it, a fallback for dynamo: {DECLINED}" in caveats(fallback)


def test_a_lost_worker_is_a_caveat(fallback):
    lost = "a worker was lost, and its job done again by a fresh one: the worker was killed (SIGKILL)"
    assert f"onnx:float32: {lost}" in caveats(fallback)


def test_crash_is_named(crashed):
    assert "signal 11" in verdict_line(crashed)
    assert "rejected" not in verdict_line(crashed)


def test_a_lost_axis_stands_in_the_headline_and_once_among_the_caveats(static):
    assert "but dynamic axis batch is not kept and tflite:int8 fails on tflite-runtime" in headline(static)
    lines = caveats(static)
    assert sum("'batch'" in line for line in lines) == 1
    assert "from savedmodel:float32 on" in lines[0]
    assert f"latency on cuda skipped: {NO_GPU}" in lines
    assert "latency of tflite:int8 on cpu skipped: it does not load" in lines


def test_skipped_is_never_a_number(static):
    rows = {fact.label: fact.value for fact in facts(static, static.hops[-1])}
    assert rows["p50 latency, cpu"] == "skipped"
    assert rows["p50 latency, cuda"] == "skipped"
    assert "p50" not in verdict_line(static)


def test_synthetic_samples_are_a_caveat(synthetic):
    assert "no samples were given: synthetic inputs" in caveats(synthetic)


def test_two_ends_of_a_route_both_ship():
    report = report_of(onnx_hop(), savedmodel_hop(source="torch:float32"))
    assert headline(report) == "model.onnx and model.savedmodel ship."


def test_a_route_that_passed_is_named_where_another_failed():
    bad = savedmodel_hop(source="torch:float32", status="failed", error="wrong")
    line = headline(report_of(onnx_hop(), bad, status="failed"))
    assert line.startswith("savedmodel:float32 does not ship: wrong.")
    assert line.endswith("model.onnx passed.")


def test_another_device_has_a_line_of_its_own():
    gpu = Latency("cuda:0", 1, 1, 0.5, (0.4, 0.6), 1.0, 1.0, 60)
    report = report_of(onnx_hop(latency=(cpu(0.1), gpu)))
    assert device_lines(report) == ["p50 on cuda:0, ms: onnx:float32 0.500"]


def test_worst_of_outputs():
    assert min_sqnr_db(compared(31.0, 0.1)) == 31.0
    assert min_sqnr_db(None) is None
    assert worst([1.0, float("nan")], is_lower_worse=True) is None
    assert worst([1.0, 2.0], is_lower_worse=False) == 2.0


def test_words():
    assert describe_drop(-0.01) == "1.00 points above the source"
    assert describe_drop(0.0) == "no drop"
    assert shorten("a\n b" * 100, 10) == "a ba ba b…"


def test_identical_outputs_are_said_to_be():
    hop = onnx_hop(vs_source=compared(200.0, 0.0))
    assert "outputs identical to the source's" in verdict_line(report_of(hop))


def test_an_axis_that_ran_at_one_size_is_not_proven(passed):
    axis = msgspec.structs.replace(passed.hops[0].dynamic_axes[0], sizes_checked=(3,), kept=False)
    report = report_of(onnx_hop(dynamic_axes=(axis,)))
    assert "dynamic axis batch is not proven" in headline(report)
    assert "(ran and agreed at 3)" in caveats(report)[0]
