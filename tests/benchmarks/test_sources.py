"""Every form of model that docs/sources.md lists does what its row says."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.sources import QUICK, fault_of, try_case
from benchmarks.sources_cases import CASES, Case
from convertkit.cli import cli
from convertkit.errors import ConvertkitError

LEAST = 45
NEED_TORCH = ("no-factory", "bad-args", "detector-refused")  # their files are written by it
LIGHT = [case for case in CASES if case.code and case.name not in NEED_TORCH]
IN_ONE_COMMAND = ("detector", "llm", "keras")  # of each kind one; all are in `make sources`


def test_there_are_as_many_as_were_promised_each_of_its_own_name() -> None:
    assert len(CASES) >= LEAST
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", LIGHT, ids=lambda case: case.name)
def test_what_cannot_be_used_is_answered_by_a_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.build(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["convert", *case.words, *QUICK], standalone_mode=False)
    assert isinstance(result.exception, ConvertkitError)
    assert fault_of(case, result.exception.exit_code, str(result.exception)) == ""
    assert result.exception.hint


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NEED_TORCH, *IN_ONE_COMMAND])
def test_others_in_one_command(name: str) -> None:
    row = try_case(next(case for case in CASES if case.name == name))
    assert not row.fault, row.printed
