"""What a worker answers: one tagged message. Tensors travel as `.npz`."""

from __future__ import annotations

import msgspec

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.transformation import Transformation
from convertkit.workers.built import Built
from convertkit.workers.folded import Folded
from convertkit.workers.message import Message
from convertkit.workers.profiled import Profiled
from convertkit.workers.sample_files import Seen


class Ready(Message, frozen=True, tag="ready"):
    """The worker has imported what it preloads.

    Attributes:
        sandbox: what it gave up before, in the words of `confinement`.
    """

    sandbox: tuple[str, ...] = ()


class Converted(Message, frozen=True, tag="converted"):
    """The artifact stands at `ConvertJob.out`; null where nobody tells what of it is weights."""

    signature: Signature
    notes: tuple[str, ...]
    seconds: float
    peak_rss_bytes: int
    loader: Loader | None = None
    transformations: tuple[Transformation, ...] = ()
    weights_bytes: int | None = None
    compressed_bytes: int | None = None


class Described(Message, frozen=True, tag="described"):
    """The model's own signature.

    Attributes:
        details: facts worth showing: operators, opset, producer.
        external_data: names of files beside the model that hold its weights (ONNX).
        limits: integer input → what its values stay below, where the model tells.
        half: the half precision that the model computes in; empty: none.
        casts: see `Loader.casts`.
        notes: what its user has to know of it, one line each.
        weights_bytes: of its parameters and buffers in their own types; null where nobody tells.
        masks: output → input that rules out its padding, where the model's own conventions tell.
    """

    signature: Signature
    details: dict[str, str] = msgspec.field(default_factory=dict)
    external_data: tuple[str, ...] = ()
    limits: dict[str, int] = msgspec.field(default_factory=dict)
    half: str = ""
    casts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    masks: dict[str, str] = msgspec.field(default_factory=dict)
    weights_bytes: int | None = None


class Inferred(Message, frozen=True, tag="inferred"):
    """The outputs stand at `InferJob.outputs`."""

    seconds: float
    peak_rss_bytes: int


class GpuMemory(Message, frozen=True, omit_defaults=True):
    """Memory of a GPU, bytes; of an artifact: what loading and calling it added. Null where nobody tells.

    Attributes:
        card_bytes: in use on the whole card as its driver says: context, kernels and workspaces too.
        allocated_bytes: what the runtime's allocator holds for tensors.
        peak_bytes: the most that it held at once.
        reserved_bytes: what it has taken from the driver.
    """

    card_bytes: int | None = None
    allocated_bytes: int | None = None
    peak_bytes: int | None = None
    reserved_bytes: int | None = None


class Benched(Message, frozen=True, tag="benched"):
    """What timing an artifact gave.

    Attributes:
        durations_ns: of the timed calls, in order.
        session_bytes: what loading added to resident memory.
        gpu_memory: None on the CPU.
        left_on_cpu: operators that run on the CPU although a GPU was asked for.
        compile_ns: what torch.compile took before, with the first call; 0 where nothing was compiled.
    """

    durations_ns: tuple[int, ...]
    session_bytes: int
    gpu_memory: GpuMemory | None = None
    left_on_cpu: tuple[str, ...] = ()
    compile_ns: int = 0


class Started(Message, frozen=True, tag="started"):
    """What a process needed from nothing to the first outputs of an artifact.

    Attributes:
        load_ns: from the file to a model that can be called; what the runtime imports came before.
        first_call_ns: the first call.
        runtime_bytes: resident memory with the runtime imported and nothing loaded.
        peak_bytes: the most from there to the end of the first call.
    """

    load_ns: int
    first_call_ns: int
    runtime_bytes: int
    peak_bytes: int


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


class Sensitivity(Message, frozen=True):
    """What a file takes, and what it loses: square error of its worst output, relative to the source's."""

    error: float
    size_bytes: int


class Sensitivities(Message, frozen=True, tag="sensitivities"):
    """The file as it is, and with each group of operators left float."""

    base: Sensitivity
    groups: tuple[Sensitivity, ...]


class Refined(Message, frozen=True, tag="refined"):
    """The graph stands at `RefineJob.out`.

    Attributes:
        layers: how many had their weights rounded with compensation.
        left: how many are too wide for it, and were rounded to nearest.
        biases: how many were corrected.
        samples: how many calls served.
        seconds: wall time.
        equalized: how many values had their channels scaled.
    """

    layers: int
    left: int
    biases: int
    samples: int
    seconds: float
    equalized: int = 0


class Tokenized(Message, frozen=True, tag="tokenized"):
    """The samples stand at `TokenizeJob.out`.

    Attributes:
        count: how many there are.
        longest: tokens of the longest.
        cut: how many have as many tokens as the model takes, or had more.
    """

    count: int
    longest: int
    cut: int


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


class Unpacked(Message, frozen=True, tag="unpacked"):
    """The arrays stand at `UnpackJob.out`; `notes` say how they were read."""

    notes: tuple[str, ...]


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


Answer = (
    Ready
    | Built
    | Converted
    | Described
    | Folded
    | Inferred
    | Benched
    | Started
    | Observed
    | OriginFound
    | Profiled
    | Refined
    | Seen
    | Sensitivities
    | Tokenized
    | Traced
    | Unpacked
    | Failed
)
