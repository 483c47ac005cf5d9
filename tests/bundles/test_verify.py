"""Every changed byte shows; what runs here is compared; what does not is said."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.signature import Arrays
from convertkit.bundles import verify as module
from convertkit.bundles.build import Wanted, build_bundle
from convertkit.bundles.container import EPOCH, MODE, opened_bundle
from convertkit.bundles.manifest import MANIFEST
from convertkit.bundles.verify import verify_bundle
from convertkit.cli import cli
from convertkit.errors import ConvertkitError, InputError, MissingDependencyError, StageError, UsageError
from convertkit.registry import RuntimeRow
from convertkit.report.report import FILE_NAME, load_report, write_json
from convertkit.validation.judgement import FieldCheck
from tests.bundles.conftest import infer, make_run, quiet

CHANGES = 100


def test_a_whole_one_is_said_to_be_so(whole: Path) -> None:
    found = verify_bundle(whole, quiet, infer=infer, sha256=hash_path(whole)[0].upper())
    assert found.exit_code == 0
    assert found.members == 12
    assert [(each.path, each.runtime, each.status) for each in found.checked] == [
        ("model.tflite", "litert", "passed"),
        ("model.tflite", "tflite_runtime", "skipped"),
        ("model.int8.tflite", "litert", "passed"),
        ("model.int8.tflite", "tflite_runtime", "skipped"),
    ]
    assert found.checked[1].reason == "environment 'field' is not there"


def test_another_version_of_a_package_is_told(whole: Path) -> None:
    versions = verify_bundle(whole, quiet, infer=infer).versions
    assert list(versions) == ["msgspec"]
    assert versions["msgspec"][0] == "0.0.1"


def test_a_hundred_changed_bytes_are_found(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    places = random.Random(0).sample(range(len(content)), CHANGES - 12)
    places += [4, 6, 10, 12, 14, len(content) - 1, *(content.rindex(b"PK\x01\x02") + at for at in range(6))]
    found = 0
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        copy = tmp_path / "changed.ckb"
        copy.write_bytes(bytes(changed))
        with pytest.raises(InputError) as error:
            verify_bundle(copy, quiet, infer=infer)
        assert error.value.exit_code == 6
        found += 1
    assert found == CHANGES


@pytest.mark.parametrize("length", [0, 3, 30, 1000, -1])
def test_a_truncated_one(whole: Path, tmp_path: Path, length: int) -> None:
    (tmp_path / "short.ckb").write_bytes(whole.read_bytes()[:length])
    with pytest.raises(InputError):
        verify_bundle(tmp_path / "short.ckb", quiet, infer=infer)


def rewritten(path: Path, out: Path, **changes: bytes | None) -> Path:
    """The bundle written anew, as a zip that is in order, with some members changed, added or left out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= {name.replace("__", "/"): content for name, content in changes.items()}  # type: ignore[dict-item]
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            if content is not None:
                info = zipfile.ZipInfo(name, EPOCH)
                info.external_attr = MODE
                archive.writestr(info, content)
    return out


def other_vectors() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, scores=np.zeros((4, 2), np.float32))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"vectors__model.tflite.npz": other_vectors()},
            "member 'vectors/model.tflite.npz' has other content",
        ),
        ({"lock.txt": b"msgspec==0.0.2\n"}, "member 'lock.txt' has other content"),
        ({"card.md": None}, "member 'card.md' is missing"),
        ({"notes.txt": b"hello"}, "member 'notes.txt' was added"),
        ({"manifest.json": b"{}"}, "manifest.json cannot be read"),
    ],
)
def test_members_changed_in_a_zip_that_is_in_order(
    whole: Path, tmp_path: Path, changes: dict[str, bytes | None], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        verify_bundle(rewritten(whole, tmp_path / "a.ckb", **changes), quiet, infer=infer)


def test_the_sum_of_whoever_made_it_finds_what_is_all_of_a_piece(whole: Path) -> None:
    with pytest.raises(InputError, match="its SHA-256 is"):
        verify_bundle(whole, quiet, infer=infer, sha256="0" * 64)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such bundle"):
        verify_bundle(tmp_path / "none.ckb", quiet, infer=infer)


@pytest.mark.parametrize("name", ["a.npz", "a.zip", "a.txt", "a.json"])
def test_another_kind_of_file_is_a_wrong_argument(whole: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name == "a.npz":
        np.savez_compressed(file, x=np.zeros(1000))
    elif name == "a.zip":
        rewritten(whole, file, **{"manifest.json": None})
    else:
        file.write_text("not a bundle\n" * 100)
    with pytest.raises(UsageError, match=f"{name} is no bundle") as error:
        verify_bundle(file, quiet, infer=infer)
    assert error.value.exit_code == 2
    assert "convertkit bundle RUN -o" in error.value.hint


def zip_of(out: Path, name: str, content: bytes = b"x", *, mode: int = MODE, method: int = 0) -> Path:
    """A zip that passes for a bundle, with one member more."""
    with zipfile.ZipFile(out, "w") as archive:
        first = zipfile.ZipInfo(MANIFEST, EPOCH)
        first.external_attr = MODE
        archive.writestr(first, b"{}")
        info = zipfile.ZipInfo(name, EPOCH)
        info.external_attr, info.compress_type = mode, method
        archive.writestr(info, content)
    return out


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("../outside", {}, "cannot be trusted"),
        ("/etc/outside", {}, "cannot be trusted"),
        ("a/../../outside", {}, "cannot be trusted"),
        ("C:\\outside", {}, "cannot be trusted"),
        ("link", {"mode": 0o120777 << 16}, "no plain file"),
        ("folder/", {}, "a folder, or compressed"),
        ("big", {"content": bytes(1 << 20), "method": zipfile.ZIP_DEFLATED}, "a folder, or compressed"),
        ("bomb", {"content": bytes(101 << 20), "method": zipfile.ZIP_DEFLATED}, "100 times its size"),
    ],
)
def test_members_that_no_bundle_has(tmp_path: Path, name: str, options: dict[str, object], said: str) -> None:
    hostile = zip_of(tmp_path / "a.ckb", name, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said), opened_bundle(hostile):
        pass
    assert list(tmp_path.iterdir()) == [hostile]


def test_a_name_that_is_also_a_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.ckb", "w") as archive:
        for name in (MANIFEST, "a", "a/b"):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = MODE
            archive.writestr(info, b"x")
    with pytest.raises(InputError, match="also a folder"), opened_bundle(tmp_path / "a.ckb"):
        pass


def other_outputs(artifact: Artifact, row: RuntimeRow, inputs: Path) -> Arrays:
    return {"scores": infer(artifact, row, inputs)["scores"][::-1]}


def crashing(artifact: Artifact, row: RuntimeRow, inputs: Path) -> Arrays:
    raise StageError("the litert worker was ended by signal 11")


def nothing(artifact: Artifact, row: RuntimeRow, inputs: Path) -> Arrays:
    raise MissingDependencyError("not installed: ai-edge-litert")


@pytest.mark.parametrize(
    ("run_by", "code", "state", "said"),
    [
        (other_outputs, 7, "failed", "output 'scores'"),
        (crashing, 7, "failed", "does not run: the litert worker was ended by signal 11"),
        (nothing, 8, "skipped", "not installed: ai-edge-litert"),
    ],
)
def test_what_does_not_agree_or_run(
    whole: Path, run_by: module.Infer, code: int, state: str, said: str
) -> None:
    found = verify_bundle(whole, quiet, infer=run_by)
    assert found.exit_code == code
    assert found.checked[0].status == state
    assert said in found.checked[0].reason


def test_the_verb_says_what_was_checked_and_what_not(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        def __enter__(self) -> module.Infer:
            return infer

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(module, "runtimes", lambda tell: Here())
    said = CliRunner().invoke(cli, ["verify", str(whole)], standalone_mode=False)
    assert said.return_value == 0, said.exception
    lines = said.output.splitlines()
    assert lines[0] == "model-1.4.0: 12 members are as they were bundled"
    assert lines[2] == "passed   model.tflite  litert  identical"
    assert "skipped  model.tflite  tflite_runtime: environment 'field' is not there" in lines
    assert lines[-1] == "2 passed, 0 failed, 2 skipped"
    assert any(line.startswith("msgspec: made with 0.0.1, here ") for line in lines)


@pytest.mark.parametrize("recorded", ["failed", "passed"])
def test_what_the_field_runtime_never_ran_is_no_fault_of_the_bundle(
    recorded: Literal["failed", "passed"], tmp_path: Path
) -> None:
    def gives_up(artifact: Artifact, row: RuntimeRow, inputs: Path) -> Arrays:
        if row.name != "litert":
            raise StageError("no operator GATHER_ND of version 5")
        return infer(artifact, row, inputs)

    run = make_run(tmp_path / "run")
    report = load_report(run)
    field = FieldCheck(runtime="tflite_runtime", status=recorded)
    hops = [msgspec.structs.replace(hop, field_runtime=field) for hop in report.hops]
    write_json(msgspec.structs.replace(report, hops=tuple(hops)), run / FILE_NAME)
    build_bundle(run, tmp_path / "model.ckb", Wanted(), quiet, infer)
    found = verify_bundle(tmp_path / "model.ckb", quiet, infer=gives_up)
    _, by_field, *_ = found.checked
    assert by_field.status == ("skipped" if recorded == "failed" else "failed")
    assert found.exit_code == (0 if recorded == "failed" else 7)
    assert "no operator GATHER_ND" in by_field.reason


def test_errors_are_the_projects_own(tmp_path: Path) -> None:
    (tmp_path / "a.ckb").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ConvertkitError):
        verify_bundle(tmp_path / "a.ckb", quiet, infer=infer)
