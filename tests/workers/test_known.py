"""Answers out of the store: the same question gets the same answer, whatever could change it is another."""

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.config.run_settings import LimitOptions
from convertkit.errors import MissingDependencyError, StageError, WorkerCrashedError
from convertkit.registry import parse_variant
from convertkit.storage.store import CONTENT, RECORD, Store
from convertkit.workers import dependence, known
from convertkit.workers.answers import Described, Inferred, Started
from convertkit.workers.jobs import (
    BenchJob,
    ConvertJob,
    DescribeJob,
    InferJob,
    SensitivityJob,
    StartJob,
    UnpackJob,
)
from convertkit.workers.known import KnownAnswers
from convertkit.workers.pool import Workers
from convertkit.workers.sample_files import LookJob

SPEC = TensorSpec("y", "float32", ("batch", 2))
SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (SPEC,))
ARTIFACT = Artifact(parse_variant("tflite:int8"), "/somewhere/model.tflite", SIGNATURE, "ab" * 32, 100)
ANSWER = Inferred(0.5, 1000)
CONFINED = ("no network",)


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


def forget():
    dependence.surroundings.cache_clear()


@pytest.fixture
def job(tmp_path):
    write_npz(tmp_path / "in.npz", {"x": np.ones((4, 3), np.float32)})
    return InferJob("litert", ARTIFACT, str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def answers(store):
    return KnownAnswers(store, LimitOptions())


def answered(answers, job, value=1.0):
    """The job, asked and answered, and what was written gone again."""
    question = answers.question("litert", job)
    write_npz(job.outputs, {"y": np.full((4, 2), value, np.float32)})
    answers.keep(question, ANSWER, CONFINED)
    dependence.written_by(job).unlink()
    return question


def test_an_answer_comes_back_with_its_file_and_its_time(answers, job):
    question = answered(answers, job)
    kept = answers.recall(question)
    assert kept.answer == ANSWER
    assert kept.sandbox == CONFINED
    assert answers.times == [kept.given]
    assert (read_npz(job.outputs)["y"] == 1).all()


def test_a_description_comes_back_without_a_file(answers, tmp_path):
    job = DescribeJob(Format.ONNX, str(tmp_path / "model.onnx"), sha256="cd" * 32)
    question = answers.question("onnx", job)
    assert answers.recall(question) is None
    answers.keep(question, Described(SIGNATURE, external_data=("w.bin",)), CONFINED)
    assert answers.recall(question).answer == Described(SIGNATURE, external_data=("w.bin",))


def test_the_same_question_from_another_place_is_the_same(answers, job, tmp_path):
    moved = tmp_path / "elsewhere.npz"
    moved.write_bytes((tmp_path / "in.npz").read_bytes())
    artifact = msgspec.structs.replace(ARTIFACT, path="/else/where.tflite")
    other = msgspec.structs.replace(job, inputs=str(moved), outputs="/nowhere/out.npz", artifact=artifact)
    assert answers.question("litert", other).key == answers.question("litert", job).key


def changed_artifact(**changes):
    return {"artifact": msgspec.structs.replace(ARTIFACT, **changes)}


OTHER_SIGNATURE = Signature(SIGNATURE.inputs, (TensorSpec("y", "int8", ("batch", 2), scale=0.5),))


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 2},
        {"chunk": 1},
        {"call_bytes": 5},
        {"memory_bytes": 5},
        {"device": "cuda:0"},
        {"runtime": "tflite_runtime"},
        changed_artifact(sha256="cd" * 32),
        changed_artifact(signature=OTHER_SIGNATURE),
        changed_artifact(variant=parse_variant("tflite")),
        changed_artifact(loader=Loader("exported-program")),
        changed_artifact(half="float16"),
        changed_artifact(in_float32=True),
    ],
    ids=str,
)
def test_another_job_is_another_question(answers, job, change):
    other = msgspec.structs.replace(job, **change)
    assert answers.question("litert", other).key != answers.question("litert", job).key


def test_samples_count_by_their_bytes(answers, job):
    before = answers.question("litert", job).key
    values = np.ones((4, 3), np.float32)
    values[3, 2] = np.nextafter(np.float32(1), np.float32(2))
    write_npz(job.inputs, {"x": values})
    assert answers.question("litert", job).key != before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("package_versions", lambda names: {"ai-edge-litert": "99"}),
        ("code_hash", lambda start: "another"),
        ("cpu_flags", lambda: "fewer"),
        ("cpu_name", lambda: "another"),
        ("installed_beside", lambda python: ["another"]),
    ],
)
def test_other_software_or_another_processor_is_another_question(answers, job, monkeypatch, name, value):
    environment = "field" if name == "installed_beside" else "litert"
    before = answers.question(environment, job).key
    monkeypatch.setattr(dependence, name, value)
    forget()
    assert answers.question(environment, job).key != before


def test_so_is_a_variable_of_a_framework_and_none_of_others(answers, job, monkeypatch):
    before = answers.question("litert", job).key
    monkeypatch.setenv("EDITOR", "another")
    forget()
    assert answers.question("litert", job).key == before
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    forget()
    assert answers.question("litert", job).key != before


@pytest.mark.parametrize("limits", [LimitOptions(sandbox="none"), LimitOptions(require_sandbox=True)])
def test_so_is_another_sandbox(answers, store, job, limits):
    confined = KnownAnswers(store, limits)
    assert confined.question("litert", job).key != answers.question("litert", job).key


@pytest.mark.parametrize(
    "loader",
    [
        Loader("state-dict", factory="models:build"),
        Loader("module"),
        Loader("keras", is_code_allowed=True),
        Loader("exported-program", search_path="/here"),
    ],
)
def test_nothing_is_kept_of_what_code_of_the_users_builds(answers, job, loader):
    own = msgspec.structs.replace(job, artifact=msgspec.structs.replace(ARTIFACT, loader=loader))
    assert answers.question("litert", own) is None
    described = DescribeJob(Format.TORCH, "model.pt", loader, sha256="ab" * 32)
    assert answers.question("torch", described) is None


def test_nothing_is_kept_of_a_model_that_nobody_has_hashed(answers, job):
    unknown = msgspec.structs.replace(job, artifact=msgspec.structs.replace(ARTIFACT, sha256=""))
    assert answers.question("litert", unknown) is None
    assert answers.question("onnx", DescribeJob(Format.ONNX, "model.onnx")) is None


def test_times_and_conversions_are_never_kept_as_answers(answers, job):
    assert answers.question("litert", BenchJob("litert", ARTIFACT, job.inputs, 5)) is None
    convert = ConvertJob("a_to_b", ARTIFACT, ARTIFACT.variant, {}, "out", "work", job.inputs)
    assert answers.question("tf", convert) is None


def test_what_operators_are_worth_is_known_by_the_conversion_wherever_it_writes(answers, job):
    def key(groups=(("a",),), **changes):
        convert = ConvertJob("savedmodel_to_tflite", ARTIFACT, ARTIFACT.variant, {}, "o", "w", job.inputs)
        asked = SensitivityJob(msgspec.structs.replace(convert, **changes), groups)
        return answers.question("tf", asked).key

    assert key() == key(out="elsewhere", scratch="elsewhere", shared="elsewhere")
    others = [key(groups=(("b",),)), key(options={"exclude": ["a"]}), key(calibration=job.inputs)]
    assert len({key(), *others}) == 4
    own = msgspec.structs.replace(ARTIFACT, loader=Loader("module"))
    asked = SensitivityJob(ConvertJob("a_to_b", own, ARTIFACT.variant, {}, "o", "w", job.inputs), ())
    assert answers.question("tf", asked) is None


def test_samples_of_tensors_are_known_by_their_content(answers, tmp_path):
    files = [tmp_path / name for name in ("a.pt", "b.pt", "c.pt")]
    for file, content in zip(files, ("x", "x", "y"), strict=True):
        file.write_text(content)
    keys = [answers.question("torch", UnpackJob(str(file), "out.npz")).key for file in files]
    assert keys[0] == keys[1] != keys[2]


def test_images_are_known_by_the_hashes_that_the_worker_looks_for(answers):
    def key(file, sha256):
        return answers.question("samples", LookJob((file,), (file,), (sha256,))).key

    assert key("a.png", "01") == key("b.png", "01") != key("a.png", "02")


@pytest.mark.parametrize("part", [CONTENT, RECORD])
def test_a_flipped_bit_is_put_aside_and_the_job_is_done_again(answers, store, job, part):
    question = answered(answers, job)
    file = store.root / question.key / part
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    assert answers.recall(question) is None
    assert not dependence.written_by(job).exists()
    assert answers.damaged == 1
    answered(answers, job, 2.0)
    assert answers.recall(question) is not None
    assert (read_npz(job.outputs)["y"] == 2).all()


def test_a_model_that_does_not_run_does_not_run_the_next_time_either(answers, job):
    question = answers.question("litert", job)
    answers.keep_error(question, StageError("no such operator", hint="none"), CONFINED)
    with pytest.raises(StageError, match="no such operator"):
        answers.recall(question)


@pytest.mark.parametrize("error", [WorkerCrashedError("crashed"), MissingDependencyError("not there")])
def test_what_another_try_may_not_meet_is_not_kept(answers, job, error):
    question = answers.question("litert", job)
    answers.keep_error(question, error, CONFINED)
    assert answers.recall(question) is None


def test_measuring_again_takes_nothing_out_and_replaces_what_is_there(answers, store, job):
    question = answered(answers, job)
    again = KnownAnswers(store, LimitOptions(), recalls=False)
    assert again.recall(question) is None
    answered(again, job, 2.0)
    answers.recall(question)
    assert (read_npz(job.outputs)["y"] == 2).all()


def test_outputs_over_the_limit_are_computed_again(answers, job, monkeypatch):
    monkeypatch.setattr(known, "LARGEST_BYTES", 16)
    assert answers.recall(answered(answers, job)) is None


def test_a_cold_start_is_kept_for_this_machine(answers, job, monkeypatch):
    start = StartJob("litert", ARTIFACT, job.inputs, 1)
    question = answers.question("litert", start)
    answers.keep(question, Started(1, 2, 3, 4), CONFINED)
    assert answers.recall(question).answer == Started(1, 2, 3, 4)
    monkeypatch.setattr(dependence, "machine", lambda: {"host": "another"})
    assert answers.question("litert", start).key != question.key


def test_a_process_of_its_own_is_not_started_for_what_is_known(answers, job, tmp_path):
    start = StartJob("litert", ARTIFACT, job.inputs, 1)
    answers.keep(answers.question("litert", start), Started(1, 2, 3, 4), CONFINED)
    with Workers(tmp_path, LimitOptions(), 1, known=answers) as workers:
        assert workers.ask_fresh("litert", start, "start.log") == Started(1, 2, 3, 4)
        assert workers.asked == 0
