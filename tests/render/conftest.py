"""Sample reports, built from the report's own types."""

import msgspec
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import BudgetOptions
from convertkit.delegates.forecast import NO_DYNAMIC, Delegation, Fallback, Forecast
from convertkit.environment.versions import Environment
from convertkit.measurement.latency import Latency
from convertkit.report.drift import Drift, TensorDrift
from convertkit.report.report import ArtifactRecord, Attempt, HopRecord, Report, SamplesRecord, SourceRecord
from convertkit.report.rescue import CandidateRecord, RescueRecord
from convertkit.report.versus import with_versus
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.compare import OutputMetrics
from convertkit.validation.gate import Comparison
from convertkit.validation.judgement import DynamicAxis, FieldCheck
from convertkit.validation.tolerance import Tolerance

HOSTILE = "<script>alert('x')</script>|`*_a_*`\x1b[31m\nline two & <b>"
NO_GPU = "no CUDA device on this machine"
CRASH = "the tf worker was ended by signal 11 (segmentation fault)"
WRONG = "output 'output': 3.2 dB SQNR, below 60 dB (max error 0.628)"
DECLINED = "the dynamo exporter failed: UserError: could not guard on data"
OPTIONS = {"batch": "dynamic", "slim": True}


def cpu(p50: float, batch: int = 1) -> Latency:
    interval = (0.98 * p50, 1.03 * p50)
    return Latency("cpu", 1, batch, p50, interval, 1.2 * p50, 1.4 * p50, 60, 250_000)


def compared(sqnr_db: float, error: float, *, floor: float = 60.0, reason: str = "") -> Comparison:
    outputs = (
        OutputMetrics("output", error, error / 5, 0.999614, sqnr_db, 1.0),
        OutputMetrics("extra", 0.0, 0.0, None, 200.0, None),
    )
    return Comparison(outputs, "failed" if reason else "passed", Tolerance(floor), reason)


def axis(*sizes: int) -> DynamicAxis:
    return DynamicAxis(input="image", axis=0, name="batch", sizes_checked=sizes, kept=len(sizes) > 1)


def attempt(converter: str, error: str | None = None, status: str = "passed") -> Attempt:
    return Attempt(converter=converter, options=OPTIONS, status=status, error=error, seconds=1.5)


def rival(converter: str, sqnr_db: float, size: int, *, kept: bool = False) -> Attempt:
    return msgspec.structs.replace(
        attempt(converter), sqnr_db=sqnr_db, accuracy=0.9951, size_bytes=size, kept=kept
    )


def hop(source: str, target: str, path: str, size: int, comparison: Comparison, /, **fields) -> HopRecord:
    stage = f"{source.partition(':')[0]}_to_{target.partition(':')[0]}"
    values = {
        "source": source,
        "target": target,
        "converter": "dynamo",
        "seconds": 1.69,
        "peak_rss_bytes": 441_000_000,
        "artifact": ArtifactRecord(path=path, sha256="ab" * 32, size_bytes=size, size_ratio=size / 157_275),
        "attempts": (attempt("dynamo"),),
        "vs_source": comparison,
        "vs_previous": comparison,
        "dynamic_axes": (axis(1, 3),),
        "latency": (cpu(0.123), Latency("cuda", skipped=NO_GPU)),
    }
    return HopRecord(stage=stage, **{"status": "passed", **values, **fields})


def report_of(*hops: HopRecord, status: str = "passed", **fields) -> Report:
    image = TensorSpec("image", "float32", ("batch", 1, 8, 8))
    values = {
        "source": SourceRecord(
            path="fixtures/digits/model.pt2",
            format="torch",
            kind="exported-program",
            sha256="cd" * 32,
            size_bytes=157_275,
            inputs=(image,),
            outputs=(TensorSpec("output", "float32", ("batch", 10)),),
        ),
        "samples": SamplesRecord(origin="file", sha256="ef" * 32, count=540, calibration=128, validation=412),
        "source_latency": (cpu(0.51), Latency("cuda", skipped=NO_GPU)),
        "environment": Environment(
            python="3.11.7", platform="Linux", cpu="AMD EPYC", gpus=(), packages={"torch": "2.13.0"}
        ),
    }
    values |= fields
    compared_hops = with_versus(hops, values["source_latency"])
    return Report(convertkit="0.1.0", status=status, hops=compared_hops, **values)


def onnx_hop(**fields) -> HopRecord:
    return hop("torch:float32", "onnx:float32", "model.onnx", 80_204, compared(130.05, 2.62e-6), **fields)


def savedmodel_hop(**fields) -> HopRecord:
    return hop(
        "onnx:float32",
        "savedmodel:float32",
        "model.savedmodel",
        158_565,
        compared(200.0, 0.0),
        **{"converter": "onnx2tf", "cached": True, **fields},
    )


def delegation(name: str = "loop/state", kind: str = "GATHER") -> Delegation:
    """Two operators that GPUs leave, and a tensor that a run sizes."""
    left = (Fallback(kind, 2, "indices of 0 axes", ("a", "b")),)
    rows = (
        Forecast("xnnpack", 19, 1),
        Forecast("gpu", 17, 3, left),
        Forecast("nnapi", 0, 0, (Fallback("CONV_2D", 19, "float32"),), NO_DYNAMIC),
    )
    return Delegation(19, (name,), rows)


def drift_of_sizes(*decibels: float) -> Drift:
    """Tensors of so many decibels, each with a loss of its own."""
    tensors = tuple(
        TensorDrift(
            f"t{at}", "CONV_2D", f"blocks.{at}.conv", value, min(1.0, 0.02 * (at + 1)), 0.01 * (at + 1)
        )
        for at, value in enumerate(decibels)
    )
    return Drift("tflite:int8", "tflite:float32", 16, tensors)


def tflite_hop(**fields) -> HopRecord:
    values = {
        "converter": "TFLiteConverter",
        "accuracy": Accuracy("top1", 0.9951, 0.0024, "output"),
        "field_runtime": FieldCheck(runtime="tflite-runtime", status="passed", max_abs_error=1e-6),
        "delegation": delegation(),
    }
    comparison = compared(31.06, 0.379, floor=20.0)
    return hop(
        "savedmodel:float32", "tflite:int8", "model.int8.tflite", 35_176, comparison, **{**values, **fields}
    )


@pytest.fixture
def passed():
    return report_of(onnx_hop(), savedmodel_hop(), tflite_hop())


@pytest.fixture
def rivalry():
    """Two quantizers made the last artifact, and the second one's was kept."""
    attempts = (rival("TFLiteConverter", 28.8, 101_872), rival("litert-quantizer", 29.1, 100_744, kept=True))
    return report_of(onnx_hop(), tflite_hop(converter="litert-quantizer", attempts=attempts))


@pytest.fixture
def failed():
    """The gate rejects the SavedModel after two attempts, so that the third hop has nothing to start from."""
    rejected = savedmodel_hop(
        status="failed",
        error=WRONG,
        cached=False,
        artifact=ArtifactRecord(
            path="rejected/model.savedmodel", sha256="ab" * 32, size_bytes=9000, size_ratio=0.057
        ),
        attempts=(
            attempt("onnx2tf", "onnx2tf failed: unknown rank", "error"),
            attempt("onnx2tf", WRONG, "failed"),
        ),
        vs_source=compared(3.2, 0.628, reason=WRONG),
        vs_previous=compared(3.2, 0.628, reason=WRONG),
        dynamic_axes=(),
        latency=(),
        exit_code=7,
    )
    not_run = HopRecord(
        stage="savedmodel_to_tflite",
        source="savedmodel:float32",
        target="tflite:int8",
        status="error",
        error="not run: there is no savedmodel:float32 to start from",
        exit_code=5,
    )
    return report_of(onnx_hop(), rejected, not_run, status="error")


@pytest.fixture
def fallback():
    """The second exporter made the ONNX file, and a worker was killed meanwhile."""
    attempts = (attempt("dynamo", DECLINED, "error"), rival("torchscript", 130.05, 80_204, kept=True))
    fields = {"converter": "torchscript", "fallback_for": "dynamo", "cached": True, "attempts": attempts}
    return report_of(onnx_hop(lost_workers=("the worker was killed (SIGKILL)",), **fields))


@pytest.fixture
def crashed():
    crash = HopRecord(
        stage="onnx_to_savedmodel",
        source="onnx:float32",
        target="savedmodel:float32",
        status="error",
        error=CRASH,
        attempts=(attempt("onnx2tf", CRASH, "error"),),
        exit_code=5,
    )
    return report_of(onnx_hop(), crash, status="error")


@pytest.fixture
def static():
    """The batch is lost at the SavedModel, the field runtime disagrees, latency cannot be measured."""
    disagrees = FieldCheck(runtime="tflite-runtime", status="failed", reason="30.1 dB SQNR, below 40 dB")
    skipped = (Latency("cpu", skipped="it does not load"), Latency("cuda", skipped=NO_GPU))
    return report_of(
        onnx_hop(),
        savedmodel_hop(dynamic_axes=(axis(),)),
        tflite_hop(dynamic_axes=(axis(),), field_runtime=disagrees, latency=skipped),
    )


def candidate(family: str, change: str, **fields) -> CandidateRecord:
    values = {"target": "tflite:int8", "converter": "litert-quantizer", "options": {}, "calibration": 64}
    values |= {"reason": "", "seconds": 12.5, "sha256": "ab" * 32, "accuracy_drop": 0.0024}
    return CandidateRecord(family=family, change=change, **{**values, **fields})


TRIED = (
    candidate(
        "original",
        "as asked for, by TFLiteConverter",
        reason="output 'output': 14.9 dB SQNR, below 20 dB (max error 3.2)",
        size_bytes=31_000,
        sqnr_db=14.93,
        latency=cpu(0.11),
        is_pareto=True,
    ),
    candidate("quantizer", "the litert quantizer", reason="litert-quantizer failed: no such kernel"),
    candidate(
        "exclusion",
        "excluding 2 operators",
        size_bytes=35_176,
        sqnr_db=24.14,
        latency=cpu(0.12),
        is_pareto=True,
    ),
)


def rescue_of(kept: int | None, **fields) -> RescueRecord:
    values = {"wanted": "tflite:int8", "budget": BudgetOptions(), "candidates": TRIED, "seconds": 61.0}
    values |= {"stopped_by": "exhausted", "float32_bytes": 113_000, "rejected": "rejected/model.int8.tflite"}
    return RescueRecord(kept=kept, **{**values, **fields})


@pytest.fixture
def rescued():
    return report_of(onnx_hop(), tflite_hop(rescue=rescue_of(2)), targets=("tflite:int8",))


@pytest.fixture
def rescued_as_float16():
    """What ships is another variant than the one that was asked for."""
    made = tflite_hop(rescue=rescue_of(2))
    artifact = msgspec.structs.replace(made.artifact, path="model.float16.tflite")
    made = msgspec.structs.replace(made, target="tflite:float16", artifact=artifact)
    return report_of(onnx_hop(), made, targets=("tflite:int8",))


@pytest.fixture
def unrescued():
    late = msgspec.structs.replace(TRIED[2], reason="over the budget: p50 0.12 ms, more than 0.1 ms")
    notes = ("no operator was excluded",)
    rescue = rescue_of(None, candidates=(*TRIED[:2], late), stopped_by="time", notes=notes)
    bad = tflite_hop(status="failed", error=TRIED[0].reason, rescue=rescue, exit_code=7)
    return report_of(onnx_hop(), bad, status="failed", targets=("tflite:int8",))


@pytest.fixture
def synthetic():
    samples = SamplesRecord(origin="synthetic", sha256="ef" * 32, count=32, calibration=0, validation=32)
    return report_of(onnx_hop(), samples=samples, notes=("no samples were given: synthetic inputs",))


@pytest.fixture
def sparse():
    """Nothing optional is there: no latency, no comparison, no dynamic axis, no attempt."""
    nothing = {"vs_source": None, "vs_previous": None, "dynamic_axes": (), "latency": (), "attempts": ()}
    return report_of(onnx_hop(**nothing, artifact=None), source_latency=())


@pytest.fixture
def empty():
    return report_of(source_latency=())


@pytest.fixture
def hostile():
    """Every text of the report that comes from outside tries to be markup."""
    image = TensorSpec(HOSTILE, "float32", (HOSTILE, 1))
    row = OutputMetrics(HOSTILE, float("nan"), float("nan"), None, float("nan"), None)
    bad = onnx_hop(
        status="failed",
        error=HOSTILE,
        converter=HOSTILE,
        artifact=ArtifactRecord(path=HOSTILE, sha256="ab", size_bytes=1, size_ratio=0.0),
        attempts=(
            Attempt(
                converter=HOSTILE, options={HOSTILE: HOSTILE}, status="failed", error=HOSTILE, seconds=0.1
            ),
        ),
        vs_source=Comparison((row,), "failed", Tolerance(60.0), HOSTILE),
        vs_previous=None,
        dynamic_axes=(DynamicAxis(input=HOSTILE, axis=0, name=HOSTILE, sizes_checked=(1,), kept=False),),
        latency=(Latency("cpu", skipped=HOSTILE),),
        field_runtime=FieldCheck(runtime=HOSTILE, status="failed", reason=HOSTILE),
        delegation=delegation(HOSTILE, HOSTILE),
        notes=(HOSTILE,),
        rescue=rescue_of(
            None,
            wanted=HOSTILE,
            candidates=(candidate(HOSTILE, HOSTILE, target=HOSTILE, reason=HOSTILE),),
            rejected=HOSTILE,
            notes=(HOSTILE,),
        ),
    )
    report = report_of(bad, status="failed", notes=(HOSTILE,))
    source = msgspec.structs.replace(report.source, path=HOSTILE, inputs=(image,), outputs=(image,))
    place = Environment(
        python="3", platform=HOSTILE, cpu=HOSTILE, gpus=(HOSTILE,), packages={HOSTILE: HOSTILE}
    )
    return msgspec.structs.replace(report, source=source, environment=place)


@pytest.fixture(
    params=[
        *("passed", "failed", "crashed", "static", "synthetic", "sparse", "empty", "hostile", "rivalry"),
        *("rescued", "rescued_as_float16", "unrescued", "fallback"),
    ]
)
def any_report(request):
    return request.getfixturevalue(request.param)
