"""Wrong input on purpose: one line that says what is wrong, the right exit code, nothing half-written."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FIXTURES, ROOT
from tests.sources.flat import SMALLEST

DIGITS = FIXTURES / "digits" / "model.pt2"
SAMPLES = FIXTURES / "digits" / "samples.npz"


def convertkit(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "convertkit", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line (and a hint) on stderr with these words, and the exit code."""
    assert result.returncode == code, result.stderr
    lines = [line for line in result.stderr.strip().splitlines() if not line.startswith("… ")]
    assert 1 <= len(lines) <= 2, result.stderr
    assert lines[0].startswith("convertkit: ")
    assert all(line.startswith("  hint: ") for line in lines[1:])
    assert "Traceback" not in result.stderr
    assert "weights_only" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run folder that must not come into being."""
    return tmp_path / "run"


def convert(model: object, out: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Convert to TFLite, and see that nothing is left behind when refused."""
    result = convertkit("convert", model, "--to", "tflite", "-o", out, *arguments)
    if result.returncode:
        assert not out.exists(), [str(path) for path in out.rglob("*")]
    return result


class TestModelFiles:
    def test_missing(self, out: Path) -> None:
        refused(convert("no/such/model.pt", out), 6, "no/such/model.pt")

    def test_empty(self, out: Path, tmp_path: Path) -> None:
        (tmp_path / "model.pt").touch()
        refused(convert(tmp_path / "model.pt", out), 6, "empty")

    def test_truncated(self, out: Path, tmp_path: Path) -> None:
        (tmp_path / "model.pt2").write_bytes(DIGITS.read_bytes()[:5000])
        refused(convert(tmp_path / "model.pt2", out), 6, "model.pt2")

    def test_html_page(self, out: Path, tmp_path: Path) -> None:
        (tmp_path / "model.pt").write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
        refused(convert(tmp_path / "model.pt", out), 6, "HTML")

    def test_lfs_pointer(self, out: Path, tmp_path: Path) -> None:
        (tmp_path / "model.pt").write_text(
            "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
        )
        refused(convert(tmp_path / "model.pt", out), 6, "git lfs pull")

    def test_state_dict_without_factory(self, out: Path) -> None:
        refused(convert(FIXTURES / "digits" / "model.state_dict.pt", out), 2, "--factory")

    def test_safetensors_without_factory(self, out: Path) -> None:
        refused(convert(FIXTURES / "digits" / "model.safetensors", out), 2, "--factory")


class Payload:
    """Unpickling this writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        """What a hostile pickle does."""
        return (os.system, (f"touch {self.target}",))


def torch_zip(content: object) -> bytes:
    """A torch.save archive around a pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, 2))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


class TestPrograms:
    """Files that are programs, or hide one: refused with what they want, and nothing runs."""

    @pytest.mark.parametrize("nested", [False, True])
    @pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
    def test_pickled_code(self, out: Path, tmp_path: Path, name: str, nested: bool) -> None:
        sentinel = tmp_path / "ran"
        content: object = Payload(sentinel)
        if nested:
            content = {"state": {"layer": {"deep": [content]}}}
        (tmp_path / name).write_bytes(torch_zip(content))
        refused(convert(tmp_path / name, out), 6, "system")
        assert not sentinel.exists()

    def test_hidden_in_an_exported_program(self, out: Path, tmp_path: Path) -> None:
        sentinel, model = tmp_path / "ran", tmp_path / "model.pt2"
        with zipfile.ZipFile(DIGITS) as source, zipfile.ZipFile(model, "w") as target:
            for member in source.infolist():
                content = source.read(member)
                if "sample_inputs" in member.filename:
                    content = torch_zip(Payload(sentinel))
                target.writestr(member, content)
        refused(convert(model, out), 6, "--allow-code")
        assert not sentinel.exists()


class TestSamples:
    """Arrays that do not fit, or hold what no model can be judged by."""

    def check(self, out: Path, tmp_path: Path, arrays: dict[str, object], *words: str) -> None:
        """Samples of these arrays are refused."""
        np.savez(tmp_path / "samples.npz", **arrays)  # type: ignore[arg-type]
        refused(convert(DIGITS, out, "--samples", tmp_path / "samples.npz"), 6, *words)

    def image(self, *shape: int) -> np.ndarray:
        """Zeros of a shape."""
        return np.zeros(shape or (4, 1, 8, 8), np.float32)

    def test_missing_file(self, out: Path) -> None:
        refused(convert(DIGITS, out, "--samples", "no.npz"), 6, "no.npz")

    def test_missing_array(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"labels": np.arange(4)}, "no input array")

    def test_extra_array(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"image": self.image(), "mask": self.image()}, "mask")

    def test_misnamed_array(self, out: Path, tmp_path: Path) -> None:
        arrays = {"picture": self.image(), "mask": self.image()}
        self.check(out, tmp_path, arrays, "lack image", "picture")

    def test_wrong_shape(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"image": self.image(4, 8, 8, 1)}, "[batch,1,8,8]")

    def test_wrong_type(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"image": self.image() + np.int64(2**24 + 1)}, "float64", "float32")

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, out: Path, tmp_path: Path, value: float) -> None:
        bad = self.image()
        bad[2, 0, 0, 0] = value
        self.check(out, tmp_path, {"image": bad}, "NaN or Inf", "sample 2")

    def test_no_samples(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"image": self.image(0, 1, 8, 8)}, "no samples")

    def test_objects(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"image": np.array([{}], object)}, "never unpickled")

    def test_one_sample_cannot_be_split(self, out: Path, tmp_path: Path) -> None:
        self.check(out, tmp_path, {"image": self.image(1, 1, 8, 8)}, "cannot be split")


class TestUsage:
    """Words that are unknown, and things that were not given."""

    def test_int8_without_samples(self, out: Path) -> None:
        refused(convertkit("convert", DIGITS, "--to", "tflite:int8", "-o", out), 2, "--samples")
        assert not out.exists()

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--to", "tflight"), ("unknown variant 'tflight'", "did you mean 'tflite'")),
            (("--recipe", "mobile-int9"), ("mobile-int8",)),
            (("--set", "gate.min_sqnr=3"), ("gate.min_sqnr", "did you mean 'min_sqnr_db'")),
            (("--set", "stages.torch_to_onnx.opsett=3"), ("opsett", "did you mean 'opset'")),
            (("--set", "stages.torch_to_onnx.opset=3"), ("15",)),
            (("--layout", "nhwc"), ("nhwc",)),
            (("--device", "gpu"), ("unknown device",)),
            (("--input", "x[3]"), ("NAME:DTYPE",)),
        ],
    )
    def test_unknown_words(self, out: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
        refused(convertkit("convert", DIGITS, "--to", "onnx", "-o", out, *arguments), 2, *words)
        assert not out.exists()

    def test_recipe_with_an_unknown_key(self, out: Path, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text("to: [tflite]\nsample: x.npz\n")
        result = convertkit("convert", DIGITS, "--recipe", tmp_path / "mine.yaml", "-o", out)
        refused(result, 2, "'sample'", "did you mean 'samples'")

    def test_no_target(self, out: Path) -> None:
        refused(convertkit("convert", DIGITS, "-o", out), 2, "--to")

    def test_no_route(self, tmp_path: Path, out: Path) -> None:
        end = tmp_path / "model.tflite"
        end.write_bytes(SMALLEST)
        refused(convertkit("convert", end, "--to", "torch:int8-dynamic", "-o", out), 3, "no route")

    def test_a_gpu_by_name_that_is_not_there(self, out: Path) -> None:
        result = convertkit("convert", DIGITS, "--to", "onnx", "--device", "cuda:63", "-o", out)
        refused(result, 8, "cuda:63")
        assert not out.exists()

    def test_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        result = convertkit("convert", DIGITS, "--to", "onnx", "-o", tmp_path / "file" / "run")
        refused(result, 2, "cannot write")

    def test_unknown_verb(self) -> None:
        result = convertkit("covnert")
        assert result.returncode == 2
        assert "did you mean 'convert'" in result.stderr


@pytest.mark.slow
class TestFactories:
    """Errors that only a worker can find are one line too."""

    @pytest.mark.parametrize(
        ("factory", "code", "words"),
        [
            ("no_such_module:build", 2, ("no_such_module", "MODULE:CALLABLE")),
            ("fixtures.models:no_such", 2, ("no_such",)),
            ("os:getcwd", 2, ("not an nn.Module",)),
            ("fixtures.models:mlp", 6, ("does not fit",)),
        ],
    )
    def test_wrong_factory(self, out: Path, factory: str, code: int, words: tuple[str, ...]) -> None:
        model = FIXTURES / "digits" / "model.state_dict.pt"
        refused(convert(model, out, "--factory", factory, "--samples", SAMPLES), code, *words)

    def test_misnamed_samples_for_a_module(self, out: Path, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        np.savez(tmp_path / "s.npz", picture=random.normal(size=(40, 1, 8, 8)), x=random.normal(size=(40, 1)))
        model = FIXTURES / "digits" / "model.state_dict.pt"
        result = convert(model, out, "--factory", "fixtures.models:digits", "--samples", tmp_path / "s.npz")
        refused(result, 6, "picture")


class TestOddWords:
    """Values that once hung or ended in a traceback."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--set", "bench.rounds=99999999999999999999"), "bench.rounds"),
            (("--set", "bench.calls=100000000000"), "bench.calls"),
            (("--set", "sampling.seed=-1"), "sampling.seed"),
            (("--input", "x:float32[²,3]"), "neither a size nor a name"),
            (("--input", f"x:float32[{'9' * 400},3]"), "neither a size nor a name"),
        ],
    )
    def test_are_usage_errors(self, out: Path, arguments: tuple[str, ...], words: str) -> None:
        refused(convert(DIGITS, out, *arguments), 2, words)

    def test_a_folder_name_that_is_too_long(self, tmp_path: Path) -> None:
        refused(
            convertkit("convert", DIGITS, "--to", "onnx", "-o", tmp_path / ("a" * 300)), 2, "cannot write"
        )

    @pytest.mark.parametrize("kind", ["pipe", "device"])
    def test_samples_that_never_end(self, out: Path, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "samples.npz"
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        refused(convert(DIGITS, out, "--samples", path), 6, "neither a file nor a folder")
