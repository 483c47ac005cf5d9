"""What a run samples, judges, measures and limits by: typed, with defaults, one class each."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

PositiveInt = Annotated[int, msgspec.Meta(ge=1)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
CheckName = Literal[
    "count",
    "constant",
    "duplicates",
    "channels",
    "range",
    "coverage",
    "convergence",
    "activations",
    "classes",
    "accuracy",
]
CompileMode = Literal["default", "reduce-overhead", "max-autotune"]
DelegateName = Literal["xnnpack", "gpu", "nnapi"]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Decibels = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]  # bounds, because no value is below NaN


class PrecisionGate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tolerances of one precision; None takes the default (`tolerance.DEFAULT_TOLERANCES`).

    Attributes:
        min_sqnr_db: lowest signal to quantization-noise ratio of any output, decibels.
        max_accuracy_drop: highest loss of accuracy against the source, a fraction (0.01 is one point).
        min_agreement: lowest fraction of equal entries of an integer or boolean output.
        min_slice_sqnr_db: lowest of any slice of an output along an axis of at most 256, decibels.
        min_sample_sqnr_db: below it a sample is lost, decibels; fewer than a quarter of them may be.
        min_variation_db: lowest ratio of what differs between samples to its error, decibels.
    """

    min_sqnr_db: Decibels | None = None
    max_accuracy_drop: Fraction | None = None
    min_agreement: Fraction | None = None
    min_slice_sqnr_db: Decibels | None = None
    min_sample_sqnr_db: Decibels | None = None
    min_variation_db: Decibels | None = None


class GateOptions(PrecisionGate, frozen=True, forbid_unknown_fields=True):
    """What an artifact may differ by. A bare tolerance is for every precision, and loosens no default.

    Attributes:
        float32, float16, int8, int8-dynamic, int16x8: tolerances of one precision; they may loosen.
        loosen: let bare tolerances loosen the defaults too.
        masks: output → input that rules out its padding: entries where the input is 0 are not judged.
        require_dynamic_axes: fail an artifact that lost a dynamic axis, instead of reporting it.
        require_field_runtime: fail a `.tflite` that the field runtime does not run, or runs differently.
        delegate: fail a `.tflite` of which one of these delegates would leave an operator to the CPU.
        accept_nonfinite_source: go on where the source itself gives NaN or Inf, and stamp the report.
    """

    float32: PrecisionGate = PrecisionGate()
    float16: PrecisionGate = PrecisionGate()
    int8: PrecisionGate = PrecisionGate()
    int8_dynamic: PrecisionGate = msgspec.field(default=PrecisionGate(), name="int8-dynamic")
    int16x8: PrecisionGate = PrecisionGate()
    loosen: bool = False
    masks: dict[str, str] = {}
    require_dynamic_axes: bool = False
    require_field_runtime: bool = False
    delegate: tuple[DelegateName, ...] = ()
    accept_nonfinite_source: bool = False

    def of(self, precision: str) -> PrecisionGate:
        """The tolerances under a precision's name."""
        found: PrecisionGate = getattr(self, precision.replace("-", "_"))
        return found


class SampleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How samples are split, and how image files become arrays.

    Attributes:
        calibration: how many samples calibrate; None: half of them, at most 128.
        calibration_samples: other samples that calibrate, and do nothing else; as `samples` of the recipe.
        validation: the most samples that validate.
        seed: of the split and of synthetic inputs.
        resize: length of an image's shorter side before the crop, pixels; None, or too little: what just
            covers the input.
        crop: `center` takes the middle of the resized image; `none` stretches all of it over the input.
        interpolation: how image files are resized.
        mean, std: per colour channel, in units of 0..1, applied to image files, and to arrays in `pixels`.
        fold_preprocessing: put mean and std, pixels of 0 to 255 and channels-last images into every artifact,
            which then takes images as they are after resize and crop (docs/preprocessing.md).
        pixels: arrays of the samples that hold pixels, 0 to 255: divided by 255, then mean and std apply.
        color: order of the colour channels that the model was trained with.
        accept: checks of the calibration samples whose errors are accepted, and stamped on the report.
        axis_order: of arrays whose shape fits the model only after a transpose: `channels-last` or
            `channels-first` images are transposed, `source` ones are refused.
        class_folders: take the subfolders of a folder of images, in alphabetical order, as its classes.
        synthetic_calibration: calibrate on seeded random data where no samples are given; stamped likewise.
    """

    calibration: PositiveInt | None = None
    calibration_samples: str | None = None
    validation: PositiveInt = 512
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    resize: PositiveInt | None = None
    crop: Literal["center", "none"] = "center"
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[PositiveFloat, ...] = (1.0,)
    pixels: tuple[str, ...] = ()
    fold_preprocessing: bool = False
    color: Literal["rgb", "bgr", "gray"] = "rgb"
    accept: tuple[CheckName, ...] = ()
    axis_order: Literal["source", "channels-last", "channels-first"] = "source"
    class_folders: bool = True
    synthetic_calibration: bool = False


class BenchOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How latency is measured.

    Attributes:
        rounds: interleaved rounds over all artifacts.
        calls: timed calls of one artifact in one round; the first call of a round is dropped.
        warmup_s: least time each artifact is run before it is timed, seconds.
        threads: threads that each runtime may use.
        seconds: measure further rounds until every interval is narrow, at most so long; None: `rounds` alone.
        skip: why `convert` shall not measure; empty: it does.
        compile: measure PyTorch models by these modes of torch.compile too; each compiles for minutes.
    """

    rounds: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 12
    calls: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 6
    warmup_s: PositiveFloat = 0.2
    threads: PositiveInt = 1
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    skip: str = ""
    compile: tuple[CompileMode, ...] = ()


class LimitOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one job may use before its worker is killed.

    Attributes:
        job_seconds: wall clock.
        memory_bytes: resident memory of the worker and its children; None: 90 % of the machine's.
        call_bytes: memory that a call may take beside the loaded artifact where artifacts are judged: as many
            samples share a call as fit, at most 32, and at least one.
        sandbox: what workers give up before they open anything: `auto`, what the system grants; or `none`.
        require_sandbox: fail where any of it is not granted.
        run_seconds: wall clock of the whole run, which ends then with what it has finished; None: no limit.
        outputs_bytes: what a run keeps of its artifacts' outputs, for `gate` to judge again; 0 keeps nothing.
    """

    job_seconds: PositiveFloat = 3600.0
    memory_bytes: PositiveInt | None = None
    call_bytes: PositiveInt = 1 << 30
    run_seconds: PositiveFloat | None = None
    outputs_bytes: Annotated[int, msgspec.Meta(ge=0)] = 16 << 20
    sandbox: Literal["auto", "none"] = "auto"
    require_sandbox: bool = False


class BudgetOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What artifacts have to meet: the integer ones that were asked for, or all where none is one.

    Where `tflite:int8` or `onnx:int8` does not, others are made and judged until one does. What is over a
    limit in the end fails its hop.

    Attributes:
        accuracy_drop: highest loss of accuracy, a fraction; needs labels. None: as the gate.
        sqnr_db: lowest signal to quantization-noise ratio of any output, decibels. None: as the gate.
        size_bytes: largest artifact.
        latency_ms: highest p50; fails where the whole interval lies beyond it, and is undecided where it
            lies within the interval.
        device: where that p50 is measured: `cpu`, `cuda`, `cuda:N`.
        threads: of that p50; None: those of `bench`.
        memory_bytes: most that the artifact adds to a fresh process on the CPU, at its peak.
        minutes: wall time of the search; no candidate starts that would likely pass it.
    """

    accuracy_drop: Fraction | None = None
    sqnr_db: Decibels | None = None
    size_bytes: PositiveInt | None = None
    latency_ms: PositiveFloat | None = None
    device: str = "cpu"
    threads: PositiveInt | None = None
    memory_bytes: PositiveInt | None = None
    minutes: PositiveFloat = 10.0
