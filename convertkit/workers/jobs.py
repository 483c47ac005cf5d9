"""What a worker is asked and what it answers: one tagged message each way. Tensors travel as `.npz`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Signature, TensorSpec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all messages: frozen, unknown fields are errors."""


class ConvertJob(Message, frozen=True, tag="convert"):
    """Run one stage once.

    Attributes:
        options: the stage's options, as plain values; decoded with the stage's own class.
        out: path of the artifact to write.
        scratch: an existing empty folder for intermediate files.
        calibration, examples: `.npz` of logical arrays; all calibration samples, and a few for tracing.
    """

    stage: str
    source: Artifact
    target: Variant
    options: dict[str, Any]
    out: str
    scratch: str
    examples: str
    calibration: str | None = None


class DescribeJob(Message, frozen=True, tag="describe"):
    """Read the signature of a model that did not come out of a stage.

    Attributes:
        inputs: what is known of the inputs: from the file, from `--input`, or from the samples.
        examples: `.npz` of a few samples under the inputs' names, needed for PyTorch files.
        other_sizes: `.npz` files with other sizes of one dynamic axis each, by its name; the first that the
            model takes tells which output sizes move with it.
    """

    format: Format
    path: str
    loader: Loader | None = None
    inputs: tuple[TensorSpec, ...] = ()
    examples: str | None = None
    other_sizes: dict[str, tuple[str, ...]] = {}


class InferJob(Message, frozen=True, tag="infer"):
    """Run an artifact on samples, in the source's axis order and units.

    Attributes:
        runtime: name of the runtime's row.
        inputs: `.npz`, logical, first axis = sample.
        outputs: `.npz` to write, logical.
        chunk: samples per call where the batch axis is dynamic.
    """

    runtime: str
    artifact: Artifact
    inputs: str
    outputs: str
    chunk: int = 32
    device: str = "cpu"
    threads: int = 1


class BenchJob(Message, frozen=True, tag="bench"):
    """Time calls of an artifact, which stays loaded between jobs.

    Attributes:
        inputs: `.npz`, logical, exactly one call's worth.
        calls: how many calls to time.
        warmup_s, warmup_calls: run untimed first, at least that long and that often.
        clock: `wall`, as the runtime takes it, or `cpu`, the worker's processor time, which other work on the
            machine does not lengthen; with one thread both are the same on an idle CPU.
    """

    runtime: str
    artifact: Artifact
    inputs: str
    calls: int
    warmup_s: float = 0.0
    warmup_calls: int = 0
    device: str = "cpu"
    threads: int = 1
    clock: Literal["wall", "cpu"] = "wall"


class ObserveJob(Message, frozen=True, tag="observe"):
    """Run a PyTorch model on samples, one at a time, and write down the range of every activation.

    Attributes:
        inputs: `.npz`, logical, first axis = sample.
        ranges: `.npz` to write: layer → float64 [samples, 2], lowest and highest value.
        seconds: no further sample is begun after that.
    """

    artifact: Artifact
    inputs: str
    ranges: str
    seconds: float
    threads: int = 1


class OriginJob(Message, frozen=True, tag="origin"):
    """Run a PyTorch model on samples whose outputs are not finite, and find where that begins.

    Attributes:
        inputs: `.npz`, logical, first axis = sample.
    """

    artifact: Artifact
    inputs: str
    threads: int = 1


class TraceJob(Message, frozen=True, tag="trace"):
    """Run an artifact once and keep what every operator gives.

    Attributes:
        runtime: name of the runtime's row.
        inputs: `.npz`, logical, first axis = sample; all samples go into one call where the batch is free,
            else the first one alone.
        values: `.npz` to write: the tensors of the answer under their position, in real units.
    """

    runtime: str
    artifact: Artifact
    inputs: str
    values: str
    threads: int = 1


Job = ConvertJob | DescribeJob | InferJob | BenchJob | ObserveJob | OriginJob | TraceJob


class Order(Message, frozen=True):
    """A job and the file that takes what it prints."""

    job: Job
    log: str


class Ready(Message, frozen=True, tag="ready"):
    """The worker has imported what it preloads."""


class Converted(Message, frozen=True, tag="converted"):
    """The artifact stands at `ConvertJob.out`."""

    signature: Signature
    notes: tuple[str, ...]
    seconds: float
    peak_rss_bytes: int
    loader: Loader | None = None


class Described(Message, frozen=True, tag="described"):
    """The model's own signature.

    Attributes:
        details: facts worth showing: operators, opset, producer.
        external_data: names of files beside the model that hold its weights (ONNX).
        limits: integer input → what its values stay below, where the model tells.
    """

    signature: Signature
    details: dict[str, str] = {}
    external_data: tuple[str, ...] = ()
    limits: dict[str, int] = {}


class Inferred(Message, frozen=True, tag="inferred"):
    """The outputs stand at `InferJob.outputs`."""

    seconds: float
    peak_rss_bytes: int


class Benched(Message, frozen=True, tag="benched"):
    """Durations of the timed calls, nanoseconds; `session_bytes` is what loading added to resident memory."""

    durations_ns: tuple[int, ...]
    session_bytes: int


class Observed(Message, frozen=True, tag="observed"):
    """The ranges stand at `ObserveJob.ranges`; `layers` is how many there are, 0 where none can be seen."""

    layers: int


class Origin(Message, frozen=True):
    """Where something begins in a model.

    Attributes:
        module: path of the PyTorch module; empty for the model's own forward, and where it is unknown.
        operator: its name without namespace: `log`.
    """

    module: str
    operator: str


class OriginFound(Message, frozen=True, tag="origin-found"):
    """The first operators that make NaN and Inf; None where no operator makes one of finite arguments."""

    nan: Origin | None
    infinity: Origin | None


class TracedTensor(Message, frozen=True):
    """What one operator gives.

    Attributes:
        name: the artifact's own.
        operator: the operator's type, in the artifact's own words.
        inputs: names of the tensors that it is computed from, without constants.
        aliases: other names under which a neighbouring artifact may know it: of ONNX values, of FX nodes.
        module: path of the PyTorch module that it comes from; empty where the artifact does not tell.
        is_quantized: whether the artifact holds it as integers.
    """

    name: str
    operator: str
    inputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    module: str = ""
    is_quantized: bool = False


class Traced(Message, frozen=True, tag="traced"):
    """The values of these tensors stand at `TraceJob.values`; in the order of execution, inputs first."""

    tensors: tuple[TracedTensor, ...]


class Failed(Message, frozen=True, tag="failed"):
    """The job raised.

    Attributes:
        error: class name, one of `convertkit.errors` or any other.
        traceback: the child's, for the log.
    """

    error: str
    message: str
    hint: str = ""
    traceback: str = ""


Answer = Ready | Converted | Described | Inferred | Benched | Observed | OriginFound | Traced | Failed
