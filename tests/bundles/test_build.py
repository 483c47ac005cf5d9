"""What a bundle holds, and what is refused before one is written."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.tensors import read_npz
from convertkit.bundles.build import Wanted, build_bundle
from convertkit.bundles.container import is_bundle, opened_bundle
from convertkit.errors import ConvertkitError, InputError, MissingDependencyError, UsageError
from convertkit.render.numbers import format_bytes
from convertkit.report.report import load_report, write_json
from convertkit.run.publish import write_run
from convertkit.storage.run_folder import RunFolder
from tests.bundles.conftest import SIGNATURE, infer, make_run, quiet, tflite_file


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    sums = set()
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        out = tmp_path / place / "model-1.4.0.ckb"
        _, told = build_bundle(make_run(tmp_path / place / "run"), out, Wanted(), quiet, infer)
        assert told == hash_path(out)[0]
        sums.add(told)
    assert len(sums) == 1


def test_it_holds_all_that_a_run_ships(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        names = archive.namelist()
    assert names == [
        "manifest.json", "card.md", "labels.txt", "lock.txt", "model.int8.tflite", "model.tflite",
        "recipe.yaml", "report.json", "signature.json", "vectors/inputs.npz",
        "vectors/model.int8.tflite.npz", "vectors/model.tflite.npz", "vectors/source.npz",
    ]  # fmt: skip
    with opened_bundle(whole) as (home, manifest):
        assert [each.variant for each in manifest.artifacts] == ["tflite:float32", "tflite:int8"]
        assert manifest.name == "model-1.4.0"
        assert (home / "lock.txt").read_text().splitlines()[1] == "msgspec==0.0.1"
        assert read_npz(home / "vectors/model.tflite.npz")["scores"].shape == (4, 2)
        assert load_report(home).source.path == "model.pt2"
        assert "/home/someone" not in (home / "signature.json").read_text()
        assert (home / "labels.txt").read_text() == "cat\ndog\n"
    assert not home.exists()
    assert is_bundle(whole)
    assert not is_bundle(whole.parent / "run" / "model.tflite")


def test_the_card_says_figures_licence_and_limits(whole: Path, tmp_path: Path) -> None:
    with opened_bundle(whole) as (home, _):
        card = (home / "card.md").read_text()
    assert card.startswith("# model-1.4.0\n")
    assert "License: MIT." in card
    size = format_bytes(len(tflite_file(1)))
    assert f"| model.int8.tflite | tflite:int8 | {size} |" in card
    assert "2 labels" in card
    out = tmp_path / "failed.ckb"
    build_bundle(make_run(tmp_path / "run", status="failed"), out, Wanted(), quiet, infer)
    with opened_bundle(out) as (home, manifest):
        assert [each.path for each in manifest.artifacts] == ["model.tflite"]
        card = (home / "card.md").read_text()
    assert "tflite:int8 was asked for and did not pass: output 'scores': 3.2 dB SQNR" in card
    assert "not stated" in card


def test_one_artifact_with_labels_of_ones_own(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("katze\r\nhund\r\n\n")
    wanted = Wanted(only=("tflite:int8",), labels=tmp_path / "mine.txt")
    out = tmp_path / "a folder" / "small.ckb"
    build_bundle(run, out, wanted, quiet, infer)
    with opened_bundle(out) as (home, manifest):
        assert [each.path for each in manifest.artifacts] == ["model.int8.tflite"]
        assert (home / "labels.txt").read_text() == "katze\nhund\n"
        assert not (home / "model.tflite").exists()


def test_what_does_not_run_here_is_bundled_without_outputs(run: Path, tmp_path: Path) -> None:
    def nothing(*_: object) -> dict[str, object]:
        raise MissingDependencyError("not installed: ai-edge-litert")

    manifest, _ = build_bundle(run, tmp_path / "a.ckb", Wanted(), quiet, nothing)  # type: ignore[arg-type]
    assert [each.vectors for each in manifest.artifacts] == ["", ""]


@pytest.mark.parametrize(
    ("change", "wanted", "error", "said"),
    [
        (lambda run: (run / "model.tflite").write_bytes(tflite_file(9)), Wanted(), InputError,
         "is not the artifact that the run reported"),
        (lambda run: (run / "model.tflite").unlink(), Wanted(), InputError, "is not there any more"),
        (lambda run: (run / "vectors/inputs.npz").unlink(), Wanted(), UsageError, "has no vectors"),
        (lambda run: (run / "signature.json").unlink(), Wanted(), UsageError, "no signature.json"),
        (lambda run: (run / "signature.json").write_text("[]"), Wanted(), UsageError, "says nothing of"),
        (lambda run: (run / "report.json").unlink(), Wanted(), UsageError, "no report.json there"),
        (lambda run: None, Wanted(only=("tflite:int",)), UsageError, "the run ships no 'tflite:int'"),
        (lambda run: None, Wanted(labels=Path("nowhere.txt")), UsageError, "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_no_file(
    run: Path, tmp_path: Path, change: object, wanted: Wanted, error: type[ConvertkitError], said: str
) -> None:
    change(run)  # type: ignore[operator]
    with pytest.raises(error, match=said):
        build_bundle(run, tmp_path / "out.ckb", wanted, quiet, infer)
    assert list(tmp_path.iterdir()) == [run]


def test_a_folder_where_the_file_should_be(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out.ckb").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        build_bundle(run, tmp_path / "out.ckb", Wanted(), quiet, infer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ckb", "run"]


def test_a_run_that_ended_early_takes_no_vectors_of_an_earlier_one(run: Path, tmp_path: Path) -> None:
    (run / "labels.txt").write_text("of an earlier model")
    source = Artifact(Variant(Format.TORCH, Precision.FLOAT32), "model.pt2", SIGNATURE, "0", 1)
    with RunFolder(run) as folder:
        write_run(load_report(run), [source], folder)
    assert not (run / "vectors").exists()
    assert not (run / "labels.txt").exists()
    with pytest.raises(UsageError, match="has no vectors: the run was ended early"):
        build_bundle(run, tmp_path / "a.ckb", Wanted(), quiet, infer)


def test_of_the_file_of_a_factory_only_the_name_is_told(run: Path, tmp_path: Path) -> None:
    report = load_report(run)
    for factory in ("/home/someone/my_models.py:build", "my_models:build"):
        loader = Loader("state-dict", factory=factory, factory_args={"width": 8})
        source = msgspec.structs.replace(report.source, loader=loader)
        write_json(msgspec.structs.replace(report, source=source), run / "report.json")
        build_bundle(run, tmp_path / "a.ckb", Wanted(), quiet, infer)
        with opened_bundle(tmp_path / "a.ckb") as (home, _):
            told = load_report(home).source.loader
        assert told == msgspec.structs.replace(loader, factory=factory.rpartition("/")[2])


def test_a_folder_is_refused_before_an_artifact_runs(run: Path, tmp_path: Path) -> None:
    def ran(*_: object) -> dict[str, object]:
        raise AssertionError("an artifact ran")

    with pytest.raises(UsageError, match="it is a folder"):
        build_bundle(run, tmp_path, Wanted(), quiet, ran)  # type: ignore[arg-type]
