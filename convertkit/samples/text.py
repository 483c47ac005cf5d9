"""Lines of text as samples, where the model is a Hugging Face folder with a tokenizer of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.sources import Kind, SourceFile
from convertkit.workers.answers import Tokenized
from convertkit.workers.jobs import TokenizeJob
from convertkit.workers.pool import Workers

TEXT_SUFFIXES = (".txt", ".jsonl")


def is_text(path: Path | str | None) -> bool:
    """True for a file of lines of text, by its name."""
    return path is not None and Path(path).suffix.lower() in TEXT_SUFFIXES


def refuse_text(path: Path) -> None:
    """Raise SamplesError for lines of text where nothing tokenises them."""
    if is_text(path):
        raise SamplesError(
            f"{path} is text, and only a Hugging Face folder has a tokenizer for it",
            hint="give the folder as the model, or tokens in an .npz",
        )


def tokenized(
    file: SourceFile, path: Path, inputs: tuple[TensorSpec, ...], workers: Workers, out: Path
) -> tuple[Path, tuple[str, ...]]:
    """A file of text as an `.npz`, and what to say of it; any other file as it is.

    Raises:
        SamplesError: the model has no tokenizer, or the file no text.
    """
    if not is_text(path):
        return path, ()
    if file.kind is not Kind.HUGGINGFACE:
        refuse_text(path)
    longest = file.ranges.get("tokens", (1, None))[1]
    folder, texts = Path(file.path).resolve(), path.resolve()
    job = TokenizeJob(str(folder), str(texts), inputs, str(out), longest)
    answer = workers.ask("torch", job, "source.log")
    assert isinstance(answer, Tokenized)
    note = f"{path.name}: {answer.count} lines, {answer.longest} tokens at most"
    cut = f"; {answer.cut} of them as long as is taken, maybe cut" if answer.cut else ""
    return out, (note + cut,)


def all_tokenized(
    file: SourceFile,
    path: Path | None,
    options: SampleOptions,
    inputs: tuple[TensorSpec, ...],
    workers: Workers,
    scratch: Path,
) -> tuple[Path | None, SampleOptions, tuple[str, ...]]:
    """The samples, and those that only calibrate, as files of arrays; and what to say of them."""
    notes: tuple[str, ...] = ()
    if path is not None:
        path, notes = tokenized(file, path, inputs, workers, scratch / "tokens.npz")
    if options.calibration_samples is not None:
        other = Path(options.calibration_samples)
        other, more = tokenized(file, other, inputs, workers, scratch / "calibration-tokens.npz")
        options, notes = msgspec.structs.replace(options, calibration_samples=str(other)), (*notes, *more)
    return path, options, notes
