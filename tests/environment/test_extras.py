"""Optional extras: found without an import, named with their install line, needed where nothing else can."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.environment import extras
from convertkit.environment.extras import look_at_extras, usable_attempts
from convertkit.errors import MissingDependencyError
from convertkit.plan import Hop
from convertkit.registry import EXTRAS, STAGES, stage_row
from tests.conftest import ROOT

HOP = Hop(
    stage_row("savedmodel_to_tflite"), Variant(Format.SAVEDMODEL), Variant(Format.TFLITE, Precision.INT8)
)


@pytest.fixture
def nothing_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    """No extra is installed."""
    monkeypatch.setattr(extras, "installed", lambda python, names: {})


def test_every_extra_is_one_of_the_projects_own_and_serves_a_stage():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for row in EXTRAS:
        assert [line for line in declared[row.name] if line.startswith(row.package)], row.name
        assert any(stage.environment == row.environment for stage in STAGES)


def test_with_all_extras_every_attempt_can_be_made(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extras, "installed", lambda python, names: dict.fromkeys(names, "1.0"))
    attempts, notes = usable_attempts(HOP, SavedmodelToTfliteOptions())
    assert [attempt.converter for attempt in attempts] == ["TFLiteConverter", "litert-quantizer"]
    assert notes == ()
    assert all(state.version == "1.0" and not state.fix for state in look_at_extras())


@pytest.mark.usefixtures("nothing_optional")
class TestWithoutExtras:
    def test_auto_goes_on_and_says_what_to_install(self):
        attempts, notes = usable_attempts(HOP, SavedmodelToTfliteOptions())
        assert [attempt.converter for attempt in attempts] == ["TFLiteConverter"]
        assert len(notes) == 1
        assert "litert-quantizer was not tried" in notes[0]
        assert "-m pip install" in notes[0]

    @pytest.mark.parametrize("options", [{"quantizer": "litert"}, {"exclude": ("GELU",)}])
    def test_what_needs_it_is_refused_with_the_line_to_run(self, options):
        with pytest.raises(MissingDependencyError, match=r"litert-quantizer is not installed.*pip install"):
            usable_attempts(HOP, SavedmodelToTfliteOptions(**options))

    def test_a_run_is_refused_before_any_work(self, tmp_path: Path):
        import convertkit

        with pytest.raises(MissingDependencyError):
            convertkit.convert(
                ROOT / "fixtures/digits/model.pt2",
                to=("tflite:int8",),
                samples=ROOT / "fixtures/digits/samples.npz",
                out=tmp_path / "run",
                settings=("stages.savedmodel_to_tflite.quantizer=litert",),
            )
        assert not (tmp_path / "run").exists()

    def test_doctor_names_the_line(self):
        from click.testing import CliRunner

        from convertkit.cli import cli

        text = CliRunner().invoke(cli, ["doctor", "--quick"], standalone_mode=False).output
        for row in EXTRAS:
            line = next(line for line in text.splitlines() if line.startswith(f"  optional {row.name}"))
            assert "pip install" in line
            assert row.package in line
