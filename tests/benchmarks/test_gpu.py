"""The bench of a GPU: what is ordered, what a child that ends badly leaves, and the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu import Bench
from benchmarks.gpu_order import orders
from benchmarks.gpu_page import page
from benchmarks.gpu_rows import add_row, read_rows

NAMED = {"model": "m", "precision": "float32", "form": "compile default", "batch": 1}
MACHINE = {"gpus": ["NVIDIA H100"], "driver": "1", "cores": 2, "python": "3", "packages": {"torch": "2"}}


def test_what_tunes_kernels_comes_last_and_float32_first(tmp_path: Path) -> None:
    found = orders("cuda:0", tmp_path, tmp_path / "rows", is_quick=False)
    assert {order.model for order in found} == {"mlp", "resnet-50", "bert-base", "vit-b16", "gpt2"}
    late = [order for order in found if order.is_last]
    assert all("compile max-autotune" in order.forms for order in late)
    assert len(late) == 5
    assert found[0].precision == "float32"
    assert {(order.model, order.precision) for order in found if not order.is_last} == {
        (model, precision)
        for model in {order.model for order in found}
        for precision in ("float32", "float16")
    }


def test_warming_compiles_and_writes_elsewhere(tmp_path: Path) -> None:
    order = orders("cuda:0", tmp_path, tmp_path / "rows", is_quick=False)[0].warming()
    assert order.is_warming
    assert all(form.startswith("compile") for form in order.forms)
    assert order.rows != str(tmp_path / "rows")


def test_a_child_that_ends_badly_is_a_row_and_the_rest_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "cpu", 60)
    bench.wait(bench.start(NAMED, "benchmarks.no_such_module"))
    assert bench.all_rows() == [{**NAMED, "error": bench.rows[0]["error"]}]
    assert "no_such_module" in bench.rows[0]["error"]


def test_what_the_time_does_not_reach_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "cpu", 0)
    bench.measure(orders("cpu", tmp_path, bench.file, is_quick=True)[0])
    assert bench.rows[0]["error"].startswith("not reached")


def test_seconds_of_compiling_come_to_the_row_that_was_measured(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "cpu", 60)
    add_row(bench.file, {**NAMED, "p50_ms": 1.0, "first_call_s": 0.1})
    add_row(bench.warming, {**NAMED, "first_call_s": 20.0})
    assert bench.all_rows() == [{**NAMED, "p50_ms": 1.0, "first_call_s": 0.1, "compile_s": 20.0}]
    assert len(read_rows(bench.file)) == 1


def test_the_page_says_what_ran_and_what_did_not() -> None:
    rows = [
        {**NAMED, "p50_ms": 1.234, "p50_ci95_ms": [1.2, 1.3], "sqnr_db": 98.76, "samples_per_s": 810.0},
        {**NAMED, "form": "onnxruntime graph", "error": "RuntimeError: a|b"},
        {**NAMED, "form": "onnxruntime", "p50_ms": 2.0, "left_on_cpu": ["Unique"]},
    ]
    text = page([{"machine": MACHINE, "seconds": 200.0, "rows": rows}])
    assert "NVIDIA H100" in text
    assert "| compile default | 1 | 1.23 | 1.2 to 1.3 | 810 |" in text
    assert "RuntimeError: a/b" in text
    assert "partial: Unique on the CPU" in text


def test_runs_make_one_page_and_what_one_of_them_did_not_reach_is_gone() -> None:
    unreached = {**NAMED, "form": "all", "batch": None, "error": "not reached: the time was up"}
    failed = {**NAMED, "error": "it broke"}
    one = {"machine": MACHINE, "seconds": 200.0, "rows": [unreached, failed]}
    other = {"machine": MACHINE, "seconds": 90.0, "rows": [{**NAMED, "p50_ms": 1.5}]}
    text = page([one, other])
    assert "2 runs: 200 s, 90 s" in text
    assert "| compile default | 1 | 1.5 |" in text
    assert "it broke" not in text
    assert "not reached" not in text
    assert "* gpt2, float16, batch 16: all of it" in text


def test_each_kind_of_machine_has_its_part() -> None:
    other = {**MACHINE, "gpus": ["NVIDIA H200"]}
    rows = [{**NAMED, "p50_ms": 1.5}]
    text = page([{"machine": each, "seconds": 9.0, "rows": rows} for each in (other, MACHINE, other)])
    assert text.index("## NVIDIA H200") < text.index("## NVIDIA H100")
    assert "2 runs: 9 s, 9 s" in text
    assert text.count("| compile default | 1 | 1.5 |") == 2
