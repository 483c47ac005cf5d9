"""What a worker is asked: one tagged message. Tensors travel as `.npz`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import TensorSpec
from convertkit.workers.built import BuildJob
from convertkit.workers.folded import FoldJob
from convertkit.workers.message import Message
from convertkit.workers.profiled import ProfileJob
from convertkit.workers.sample_files import DecodeJob, InflateJob, LookJob


class ConvertJob(Message, frozen=True, tag="convert"):
    """Run one stage once.

    Attributes:
        options: the stage's options, as plain values; decoded with the stage's own class.
        out: path of the artifact to write.
        scratch: an existing empty folder for intermediate files.
        calibration, examples: `.npz` of logical arrays; all calibration samples, and a few for tracing.
        shared: folder for what jobs with the same source and calibration samples have in common; None: none.
    """

    stage: str
    source: Artifact
    target: Variant
    options: dict[str, Any]
    out: str
    scratch: str
    examples: str
    calibration: str | None = None
    shared: str | None = None


class SensitivityJob(Message, frozen=True, tag="sensitivity"):
    """Leave groups of operators of a `tflite:int8` float, each alone, and measure what that gains.

    Attributes:
        convert: what makes the file.
        groups: names of the outputs of the operators of each, in the float `.tflite`.
    """

    convert: ConvertJob
    groups: tuple[tuple[str, ...], ...]


class DescribeJob(Message, frozen=True, tag="describe"):
    """Read the signature of a model that did not come out of a stage.

    Attributes:
        inputs: what is known of the inputs: from the file, from `--input`, or from the samples.
        examples: `.npz` of a few samples under the inputs' names, needed for PyTorch files.
        other_sizes: `.npz` files with other sizes of one dynamic axis each, by its name; the first that the
            model takes tells which output sizes move with it.
        sha256: of the model with all its files; empty: not known.
    """

    format: Format
    path: str
    loader: Loader | None = None
    inputs: tuple[TensorSpec, ...] = ()
    examples: str | None = None
    other_sizes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    sha256: str = ""


class InferJob(Message, frozen=True, tag="infer"):
    """Run an artifact on samples, in the source's axis order and units.

    Attributes:
        runtime: name of the runtime's row.
        inputs: `.npz`, logical, first axis = sample.
        outputs: `.npz` to write, logical.
        chunk: samples per call where the batch axis is dynamic; fewer where so many do not fit.
        call_bytes: memory that a call may take beside the loaded artifact; None: no bound.
        memory_bytes: memory that the worker may take in all.
    """

    runtime: str
    artifact: Artifact
    inputs: str
    outputs: str
    chunk: int = 32
    call_bytes: int | None = None
    memory_bytes: int | None = None
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


class StartJob(Message, frozen=True, tag="start"):
    """Load an artifact and call it once, in a process that has loaded none before.

    Attributes:
        inputs: `.npz`, logical, exactly one call's worth.
    """

    runtime: str
    artifact: Artifact
    inputs: str
    threads: int = 1


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


class RefineJob(Message, frozen=True, tag="refine"):
    """Round the weights of an ONNX graph with compensation, correct its biases, and write it.

    Attributes:
        out: path of the ONNX file to write.
        calibration: `.npz` of the calibration split, logical.
        examples: `.npz` of one call's inputs, which hold the constants of bound inputs.
        largest: the largest integer of the grid that the quantizer will use.
        samples: the most samples to use; where there are more, evenly spaced ones.
    """

    source: Artifact
    out: str
    calibration: str
    examples: str
    largest: int
    samples: int


class TokenizeJob(Message, frozen=True, tag="tokenize"):
    """Write lines of text as samples, by the tokenizer of a Hugging Face folder.

    Attributes:
        texts: `.txt`, or `.jsonl`.
        inputs: of the model, all of text.
        out: `.npz` to write.
        longest: most tokens that the model takes; None where nobody tells.
    """

    folder: str
    texts: str
    inputs: tuple[TensorSpec, ...]
    out: str
    longest: int | None = None


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


class UnpackJob(Message, frozen=True, tag="unpack"):
    """Read a file of torch.save that holds samples.

    Attributes:
        out: `.npz` to write: the arrays, and `labels` where there are some.
    """

    path: str
    out: str


Job = (
    BuildJob
    | ConvertJob
    | DecodeJob
    | DescribeJob
    | FoldJob
    | InflateJob
    | InferJob
    | BenchJob
    | LookJob
    | StartJob
    | ObserveJob
    | OriginJob
    | ProfileJob
    | RefineJob
    | SensitivityJob
    | TokenizeJob
    | TraceJob
    | UnpackJob
)


class Order(Message, frozen=True):
    """A job and the file that takes what it prints."""

    job: Job
    log: str
