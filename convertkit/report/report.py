"""The report of a run: its types (the contract of `report.json`), reading and writing it. Renders nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.signature import TensorSpec
from convertkit.artifacts.transformation import Transformation
from convertkit.delegates.forecast import Delegation
from convertkit.environment.versions import Environment
from convertkit.errors import UsageError
from convertkit.measurement.latency import Latency
from convertkit.measurement.profile import Profile
from convertkit.measurement.start import ColdStart
from convertkit.report.drift import Drift
from convertkit.report.refinement import RefinementRecord
from convertkit.report.rescue import RescueRecord
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.budget import BudgetVerdict
from convertkit.validation.gate import Comparison
from convertkit.validation.judgement import DynamicAxis, FieldCheck
from convertkit.validation.source_finite import NonfiniteSource

SCHEMA_VERSION = 1
FILE_NAME = "report.json"
SIGNATURE_FILE = "signature.json"

Status = Literal["passed", "failed", "error", "interrupted"]


class Record(msgspec.Struct, frozen=True):
    """Base of the report's parts. Unknown fields are ignored when read: newer versions may add some."""


class SourceRecord(Record, frozen=True, kw_only=True):
    """The model that came in.

    Attributes:
        nonfinite: samples for which its own outputs are not finite; null where all are.
        half: the half precision that it computes in, `float16` or `bfloat16`; empty: none.
        weights_bytes: of its parameters and buffers in their own types; null where nobody tells.
        loader: how a PyTorch file was opened; null for other formats.
        masks: output → input that rules out its padding, where the model itself tells; besides `gate.masks`.
    """

    path: str
    format: str
    kind: str
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    nonfinite: NonfiniteSource | None = None
    half: str = ""
    loader: Loader | None = None
    weights_bytes: int | None = None
    masks: dict[str, str] = {}


class SamplesRecord(Record, frozen=True, kw_only=True):
    """What the run was judged by: `count` samples, of which so many calibrated and so many validated.

    Attributes:
        calibration_sha256: of the file that the calibration samples came from, where it is another one.
    """

    origin: str
    sha256: str
    count: int
    calibration: int
    validation: int
    calibration_sha256: str | None = None


class ArtifactRecord(Record, frozen=True, kw_only=True):
    """A file (or folder) of the run; `path` is relative to the run's folder.

    Attributes:
        size_ratio, weights_ratio: bytes / bytes of the source, and of its weights.
        weights_bytes: of its constants and variables; null where nobody tells.
        compressed_bytes: as a download has it (DEFLATE); null where it is too large to try.
    """

    path: str
    sha256: str
    size_bytes: int
    size_ratio: float
    weights_bytes: int | None = None
    compressed_bytes: int | None = None
    weights_ratio: float | None = None


class Attempt(Record, frozen=True, kw_only=True):
    """One try at a hop with one set of options.

    Attributes:
        sqnr_db: lowest of any output against the source; null where none was. accuracy: null without labels.
        size_bytes: of what it made; null where it made nothing.
        kept: what it made is the hop's artifact.
    """

    converter: str
    options: dict[str, Any]
    status: Status
    error: str | None
    seconds: float
    sqnr_db: float | None = None
    accuracy: float | None = None
    size_bytes: int | None = None
    kept: bool = False


class HopRecord(Record, frozen=True, kw_only=True):
    """One executed stage, and what came out of it.

    Attributes:
        source, target: variants in full.
        rescue: what was done where the variant that was asked for failed; `target` is what ships then.
        seconds: wall time of the conversion itself, of the attempt kept.
        error: one line; null unless the status is not `passed`.
        artifact: null where none was made; under `rejected/` where the gate failed it.
        exit_code: that of the error, where the status is not `passed`; 8 where its budget is undecided.
        fallback_for: the converter that should have made the artifact and did not; empty where it did.
        lost_workers: how each worker ended whose job was done again by a fresh one.
        refinement: what was done to the graph that the artifact is made from; null where nothing was.
        transformations: what was done so that INT8 keeps its accuracy, with gains and times.
        ran_again: why it was made though the store has one: `onnx 1.23.2 → 1.24.0`; empty where it has none.
        recalled: when an earlier run computed all outputs judged here, ISO 8601; empty where this one did.
        start: load and first call in a fresh process, with its memory; null where it was not started so.
        budget: what became of the budget; null where none holds for it.
        inputs, outputs: the artifact's own, as in `signature.json`; empty where none was made.
        profile: which operators of the artifact take its time; null where `--profile` was not given.
        delegation: what delegates would take of a `.tflite`; null for others, and where outputs failed.
    """

    stage: str
    source: str
    target: str
    status: Status
    cached: bool = False
    converter: str = ""
    seconds: float = 0.0
    peak_rss_bytes: int = 0
    error: str | None = None
    artifact: ArtifactRecord | None = None
    attempts: tuple[Attempt, ...] = ()
    vs_source: Comparison | None = None
    vs_previous: Comparison | None = None
    accuracy: Accuracy | None = None
    dynamic_axes: tuple[DynamicAxis, ...] = ()
    latency: tuple[Latency, ...] = ()
    field_runtime: FieldCheck | None = None
    notes: tuple[str, ...] = ()
    rescue: RescueRecord | None = None
    exit_code: int = 0
    fallback_for: str = ""
    lost_workers: tuple[str, ...] = ()
    refinement: RefinementRecord | None = None
    transformations: tuple[Transformation, ...] = ()
    ran_again: str = ""
    recalled: str = ""
    start: ColdStart | None = None
    budget: BudgetVerdict | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    profile: Profile | None = None
    delegation: Delegation | None = None

    @property
    def wanted(self) -> str:
        """The variant that was asked for: the target, unless a rescue made another."""
        return self.rescue.wanted if self.rescue else self.target


class Report(Record, frozen=True, kw_only=True):
    """A whole run. `report.json` is this, as JSON; fields may be added, none renamed.

    Attributes:
        status: that of the first hop that did not pass; `interrupted` where the run was ended before its end.
        targets: variants that were asked for, in full.
        started, seconds: ISO 8601, UTC; wall time of the whole run.
        sandbox: what the workers had given up before they opened anything: `full`, `none`, or `partial: …`.
        source_profile: as `profile` of a hop, of the source.
        drift: of every tensor, for each pair of artifacts that `blame` compared.
    """

    schema_version: int = SCHEMA_VERSION
    convertkit: str
    status: Status
    source: SourceRecord
    samples: SamplesRecord
    hops: tuple[HopRecord, ...]
    targets: tuple[str, ...] = ()
    started: str = ""
    seconds: float = 0.0
    source_latency: tuple[Latency, ...] = ()
    source_profile: Profile | None = None
    drift: tuple[Drift, ...] = ()
    notes: tuple[str, ...] = ()
    sandbox: str = ""
    environment: Environment

    @property
    def is_passed(self) -> bool:
        """True where every hop passed its gate."""
        return self.status == "passed"


class ArtifactSignature(Record, frozen=True, kw_only=True):
    """An entry of `signature.json`."""

    path: str
    variant: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def write_json(value: Any, path: Path) -> None:
    """Write a record as indented JSON, in one step: a reader never sees half of it."""
    write_whole(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n", path)


def write_whole(content: bytes, path: Path) -> None:
    """Write a file in one step; where it cannot be written, the one that stood there stays."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def load_report(run: str | Path) -> Report:
    """The report of a run's folder, or of a `report.json`.

    Raises:
        UsageError: there is none, or it is not one that this version reads.
    """
    path = Path(run)
    path = path / FILE_NAME if path.is_dir() else path
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError:
        raise UsageError(f"{run}: no {FILE_NAME} there", hint="give the -o folder of a run") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is not a report: {error}") from None
    if report.schema_version != SCHEMA_VERSION:
        raise UsageError(f"{path} has schema version {report.schema_version}, this is {SCHEMA_VERSION}")
    return report


def exit_code(report: Report) -> int:
    """0 where every hop passed; else that of the first hop that did not, or is undecided."""
    return next((hop.exit_code for hop in report.hops if hop.exit_code), 0)
