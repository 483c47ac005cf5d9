"""What a run ships, and the gate that is named where it does not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from convertkit.bundles.build import Wanted, build_bundle
from convertkit.errors import UsageError
from convertkit.report.report import load_report, write_json
from tests.bundles.conftest import infer, make_run, quiet


def test_the_gate_that_failed_a_variant_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", status="failed")
    wanted = Wanted(only=("tflite:int8",))
    with pytest.raises(UsageError, match=r"no 'tflite:int8', which did not pass: output 'scores': 3\.2 dB"):
        build_bundle(run, tmp_path / "out.ckb", wanted, quiet, infer)
    report = load_report(run)
    (run / "report.json").unlink()
    write_json(msgspec.structs.replace(report, hops=report.hops[1:]), run / "report.json")
    with pytest.raises(UsageError, match=r"passed: tflite:int8: output 'scores': 3\.2 dB SQNR"):
        build_bundle(run, tmp_path / "out.ckb", Wanted(), quiet, infer)
