"""Every form of model that docs/sources.md lists does what its row says.

What is answered by a line is given to the command line here; what converts is taken in by workers that all
rows share, up to the first hop, from where all forms are one; one of each kind goes through a whole run. What
is pasted of the hints, and the other whole runs, are `make sources`; its page is held to the list of forms.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.sources_case import Case
from benchmarks.sources_cases import CASES
from benchmarks.sources_data import CASES as DATA
from benchmarks.sources_page import recorded
from benchmarks.sources_try import QUICK, fault_of, try_case
from convertkit.artifacts.formats import Format
from convertkit.cli import cli
from convertkit.cli.convert import command
from convertkit.errors import ConvertkitError
from convertkit.run.pipeline import run_notes
from convertkit.run.prepare import RunRequest, prepare, samples_path
from convertkit.samples.asked import asked_of
from convertkit.samples.intake import Intake, take_in, with_masks
from convertkit.words import Words, worded_recipe
from tests.conftest import Lab

LEAST = 45
NEED_TORCH = ("no-factory", "bad-args", "detector-refused")  # their files are written by it
LIGHT = [case for case in CASES if case.code and case.name not in NEED_TORCH]
CONVERTED = [case for case in CASES if not case.code]
IN_ONE_COMMAND = ("detector", "llm", "keras")  # of each kind one; all are in `make sources`
# What can be pasted: an option, a command, a call in Python.
COMMAND = re.compile(r"--\w|\b(?:convertkit|hf|pip|unzip|git) \w|\w\(|FILE\.py:")


def test_there_are_as_many_as_were_promised_each_of_its_own_name() -> None:
    assert len(CASES) >= LEAST
    assert len({case.name for case in CASES}) == len(CASES)


def refused(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ConvertkitError:
    """The error that answers a row."""
    case.build(folder)
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(cli, ["convert", *case.words, *QUICK], standalone_mode=False)
    assert isinstance(result.exception, ConvertkitError)
    assert fault_of(case, result.exception.exit_code, str(result.exception)) == ""
    return result.exception


def check_hint(case: Case, hint: str) -> None:
    """A hint says what to do, and what can be pasted of it is pasted by `make sources`."""
    assert hint
    assert "\n" not in hint
    if case.hint is None:
        assert not COMMAND.search(hint)
    else:
        assert case.hint.quoted in hint


@pytest.mark.parametrize("case", LIGHT, ids=lambda case: case.name)
def test_what_cannot_be_used_is_answered_by_a_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_hint(case, refused(case, tmp_path, monkeypatch).hint)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEED_TORCH)
def test_what_torch_wrote_is_answered_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in CASES if case.name == name)
    check_hint(case, refused(case, tmp_path, monkeypatch).hint)


def taken_in(case: Case, lab: Lab, folder: Path) -> tuple[Intake, tuple[str, ...]]:
    """A form opened by workers that live on, its samples fitted to it; and the notes of its run."""
    asked = command.make_context("convert", list(case.words)).params
    words: Words = {key: value for key, value in asked.items() if key in Words.__optional_keys__}  # type: ignore[assignment]
    recipe = worded_recipe(**words)
    prepared = prepare(RunRequest(asked["model"], recipe, allow_code=asked["allow_code"]))
    intake = take_in(
        prepared.file,
        prepared.loader,
        prepared.early,
        samples_path(recipe),
        recipe.sampling,
        asked_of(recipe),
        needs_calibration=prepared.needs_calibration,
        workers=lab.workers,
        scratch=folder,
    )
    return intake, run_notes(with_masks(recipe, intake.masks), intake)


@pytest.mark.slow
@pytest.mark.parametrize("case", CONVERTED, ids=lambda case: case.name)
def test_what_converts_is_taken_in(
    case: Case, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "given").mkdir()
    case.build(tmp_path / "given")
    monkeypatch.chdir(tmp_path / "given")
    intake, notes = taken_in(case, lab, tmp_path)
    assert intake.artifact.signature.outputs
    assert intake.split.validation
    assert bool(intake.split.calibration) == case.is_whole
    assert case.line == "PASSED" or case.line in " ".join(notes)
    if intake.artifact.variant.format is Format.TORCH:
        assert intake.samples.origin != "synthetic"


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_ONE_COMMAND)
def test_one_of_each_kind_in_one_command(name: str) -> None:
    row = try_case(next(case for case in CASES if case.name == name))
    assert not row.fault, row.told


def test_the_page_has_every_form_and_what_came_of_it() -> None:
    page = recorded()
    models, data = page["Forms of model"], page["Forms of data"]
    assert [(given, int(code)) for given, _, code, *_ in models] == [
        (case.given, case.code) for case in CASES
    ]
    assert [given for given, *_ in data] == [case.name.replace("-", " ") for case in DATA]
    for case, (_, _, _, told, pasted, _) in zip(CASES, models, strict=True):
        assert case.line in told or case.line == "PASSED"
        assert bool(pasted) == (case.hint is not None)
        assert not pasted or pasted.endswith(": exit code 0")
    for each, (_, how, code, told, _, _) in zip(DATA, data, strict=True):
        assert how == f"`{each.given}`"
        assert (each.refused in told) if each.refused else (code == "0" and "passed" in told)
