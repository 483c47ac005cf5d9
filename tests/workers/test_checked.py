"""Forged answers: one line for each, and nothing of them is followed."""

import os

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import WorkerSilentError
from convertkit.registry import parse_variant
from convertkit.workers import checked
from convertkit.workers.answers import Answer, Converted, Described, Inferred
from convertkit.workers.checked import ANSWERS, bounded, check_answer, decoded
from convertkit.workers.jobs import ConvertJob, DescribeJob, InferJob, Job

NOTHING = Signature((), ())
ARTIFACT = Artifact(parse_variant("onnx"), "model.onnx", NOTHING)
DESCRIBE = DescribeJob(Format.ONNX, "model.onnx")
CONVERTED = Converted(NOTHING, (), 1.0, 1)


def convert(out):
    return ConvertJob("torch_to_onnx", ARTIFACT, ARTIFACT.variant, {}, str(out), "work", "examples.npz")


def infer(out):
    return InferJob("onnxruntime", ARTIFACT, "in.npz", str(out))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"type": "inferred"}',
        b'{"type": "inferred", "seconds": "soon", "peak_rss_bytes": 1}',
        b'{"type": "inferred", "seconds": 1, "peak_rss_bytes": 1, "more": 1}',
        b'{"type": "no-such"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_one_line(line):
    with pytest.raises(WorkerSilentError, match="cannot be read") as raised:
        decoded(line)
    assert "\n" not in raised.value.message


def test_an_endless_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(checked, "LARGEST_BYTES", 100)
    assert len(bounded(bytes(100))) == 100
    with pytest.raises(WorkerSilentError, match="longer than"):
        bounded(bytes(101))


def test_every_job_has_its_answer():
    jobs, answers = set(Job.__args__), {kind.__name__ for kind in Answer.__args__}
    assert set(ANSWERS) == jobs
    assert {kind.__name__ for kind, _ in ANSWERS.values()} == answers - {"Ready", "Failed"}


def test_another_jobs_answer_is_refused(tmp_path):
    with pytest.raises(WorkerSilentError, match="answered Inferred, not Described"):
        check_answer(DESCRIBE, Inferred(1.0, 1))
    check_answer(DESCRIBE, Described(NOTHING, external_data=("weights/a.bin",)))


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/../../b"])
def test_a_file_outside_the_models_folder_is_refused(name):
    with pytest.raises(WorkerSilentError, match="outside the model's folder"):
        check_answer(DESCRIBE, Described(NOTHING, external_data=(name,)))


def test_links_and_pipes_in_the_place_of_artifacts_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    link, pipe, folder = tmp_path / "link.onnx", tmp_path / "pipe.onnx", tmp_path / "model.savedmodel"
    link.symlink_to(secret)
    os.mkfifo(pipe)
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    check_answer(convert(folder), CONVERTED)
    (folder / "variables" / "data").symlink_to(secret)
    side = tmp_path / "model.onnx"
    side.write_bytes(b"graph")
    check_answer(convert(side), CONVERTED)
    (tmp_path / "model.onnx.data").symlink_to(secret)
    linked = tmp_path / "linked.savedmodel"
    linked.symlink_to(tmp_path)
    for out in (link, pipe, folder, side, linked):
        with pytest.raises(WorkerSilentError, match="no file"):
            check_answer(convert(out), CONVERTED)


def test_arrays_that_expand_are_refused(tmp_path):
    out = tmp_path / "out.npz"
    write_npz(out, {"y": np.zeros(1000, np.float32)})
    check_answer(infer(out), Inferred(1.0, 1))
    np.savez_compressed(out, y=np.zeros(1000, np.float32))
    with pytest.raises(WorkerSilentError, match="packed arrays"):
        check_answer(infer(out), Inferred(1.0, 1))
    out.write_bytes(b"PK no archive")
    with pytest.raises(WorkerSilentError, match="cannot be read"):
        check_answer(infer(out), Inferred(1.0, 1))
    os.unlink(out)
    os.mkfifo(out)
    with pytest.raises(WorkerSilentError, match="no file"):
        check_answer(infer(out), Inferred(1.0, 1))
