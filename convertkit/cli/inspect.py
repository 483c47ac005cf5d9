"""`convertkit inspect`: what a model file is. Runs no code from it; a worker reads what needs a parser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import TensorSpec
from convertkit.cli.progress import say
from convertkit.config.run_settings import LimitOptions
from convertkit.delegates.forecast import Delegation, delegation_of
from convertkit.errors import ModelFileError, StageError, WorkerCrashedError
from convertkit.registry import STAGES, environment_row, runtime_row
from convertkit.render.delegates import delegate_lines
from convertkit.samples.intake import NEEDS_FACTORY
from convertkit.sources import Kind, SourceFile, inspect_source
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.answers import Described
from convertkit.workers.ends import expect
from convertkit.workers.jobs import DescribeJob
from convertkit.workers.process import Worker

LIMITS = LimitOptions(job_seconds=300.0)
UNKNOWN_INPUTS = "--samples PATH, or --input NAME:DTYPE[d0,d1,…] for each input"
NO_SOURCE = "the model that it was made of: nothing is made of a {}, which validate and bench take"

WHAT = {
    Kind.EXPORTED_PROGRAM: "an exported program (torch.export)",
    Kind.TORCHSCRIPT: "a TorchScript archive",
    Kind.STATE_DICT: "a state dict: weights without a model",
    Kind.SAFETENSORS: "safetensors: weights without a model",
    Kind.MODULE: "a pickled module: a program",
    Kind.ONNX: "an ONNX model",
    Kind.SAVEDMODEL: "a TensorFlow SavedModel",
    Kind.TFLITE: "a TFLite model",
    Kind.HUGGINGFACE: "a Hugging Face folder",
    Kind.KERAS: "a Keras model",
}


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def command(model: Path, as_json: bool) -> None:
    """Say what MODEL is, its inputs and outputs, and what `convert` will ask for.

    Runs no code from the file: a file that is, or may be, a program is described all the same, with the
    reasons why `convert` would refuse it. Exit code 0 for any model file, 6 for one that cannot be used.
    """
    file = complete(inspect_source(model))
    delegation = delegation_of(model) if file.kind is Kind.TFLITE else None
    if as_json:
        content: dict[str, Any] = msgspec.to_builtins(file) | {"needs": list(needs(file))}
        content |= {"delegation": msgspec.to_builtins(delegation)} if delegation else {}
        encoded = msgspec.json.format(msgspec.json.encode(content), indent=2)
        sys.stdout.write(encoded.decode() + "\n")
        return
    for line in (*lines(file), *delegation_lines(delegation)):
        click.echo(printable(line))


def complete(file: SourceFile) -> SourceFile:
    """The file with its signature, where only a framework's parser can read it.

    Raises:
        ModelFileError: the parser cannot.
        MissingDependencyError: the parser's environment is not there.
    """
    if file.format is Format.TORCH or (file.kind is Kind.KERAS and file.refusals):
        return file
    described = describe(file)
    return msgspec.structs.replace(
        file,
        inputs=described.signature.inputs,
        outputs=described.signature.outputs,
        input_names=tuple(spec.name for spec in described.signature.inputs),
        details=file.details | described.details,
    )


def describe(file: SourceFile) -> Described:
    """What a worker's parser reads; it imports the one runtime, not all of its environment.

    Raises:
        ModelFileError: the parser refused the file, or crashed on it.
    """
    runtime = runtime_row(file.format)
    module = f"convertkit.runtimes.{runtime.name}"
    row = msgspec.structs.replace(environment_row(runtime.environment), preload=(module,))
    with temporary_folder() as folder:
        log = folder / "inspect.log"
        worker = Worker(row, log, threads=1, tell=say)
        try:
            answer = worker.ask(DescribeJob(file.format, str(Path(file.path).resolve())), log, LIMITS)
        except (ModelFileError, StageError) as error:
            if not worker.is_ready:
                raise
            crashed = isinstance(error, WorkerCrashedError)
            reason = "a damaged file: its reader crashed" if crashed else error.message
            raise ModelFileError(told_once(file.path, reason), hint=error.hint) from error
        finally:
            worker.kill()
    expect(answer, Described)
    assert isinstance(answer, Described)
    return answer


def told_once(path: str, reason: str) -> str:
    """The reason with the file's path as it was given; in front of it, where the reason does not name it."""
    own = str(Path(path).resolve())
    return reason.replace(own, path) if own in reason else f"{path}: {reason}"


def needs(file: SourceFile) -> Iterator[str]:
    """What `convert` has to be given besides the file, or in its place."""
    if not any(stage.source.format is file.format for stage in STAGES):
        yield NO_SOURCE.format(f".{file.format}")
        return
    if file.refusals:
        yield "--allow-code, if you trust where the file came from"
    if file.kind in NEEDS_FACTORY:
        yield "--factory MODULE:CALLABLE"
    if not file.inputs and file.format is Format.TORCH and file.kind is not Kind.HUGGINGFACE:
        yield UNKNOWN_INPUTS


def lines(file: SourceFile) -> Iterator[str]:
    """One line per fact."""
    yield f"{file.path}: {WHAT[file.kind]}"
    yield fact("size", f"{file.size_bytes:,} bytes")
    yield fact("sha256", file.sha256)
    yield from signature_lines(file)
    for name, (lowest, highest) in file.ranges.items():
        yield fact("axis", f"{name}: {lowest} to {'any size' if highest is None else highest}")
    for name, value in file.details.items():
        yield fact(name, value)
    for reason in file.refusals:
        yield fact("refused", reason)
    for option in needs(file):
        yield fact("convert", f"needs {option}")


def delegation_lines(delegation: Delegation | None) -> Iterator[str]:
    """A line a delegate; none where the file is no `.tflite`."""
    yield from (fact("delegate", line) for line in delegate_lines(delegation))


def signature_lines(file: SourceFile) -> Iterator[str]:
    """A line an input, and a line an output; names alone where the file tells no more."""
    if not file.inputs:
        names = ", ".join(file.input_names)
        told = f"{names} (types and shapes are not in the file)" if names else "not in the file"
        yield fact("inputs", told)
    yield from (fact("input", told_spec(spec)) for spec in file.inputs)
    if not file.outputs:
        yield fact("outputs", "not in the file; known once the model has run")
    yield from (fact("output", told_spec(spec)) for spec in file.outputs)


def told_spec(spec: TensorSpec) -> str:
    """`input:float32[batch,3,224,224]`, with the quantization where there is one."""
    if spec.scale is None:
        return spec.describe()
    return f"{spec.describe()}  scale {spec.scale:.6g}, zero point {spec.zero_point or 0}"


def fact(name: str, value: str) -> str:
    """An indented line."""
    return f"  {name:<10} {value}"


def printable(line: str) -> str:
    """The line without control characters: names in it come from the file."""
    return "".join(character if character.isprintable() else "?" for character in line)
