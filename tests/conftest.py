"""Shared fixtures: where the shipped models are, a store of their own, and workers for a whole session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.config.run_settings import LimitOptions
from convertkit.registry import parse_variant, runtime_row, stage_row
from convertkit.workers.answers import Answer, Converted, Described
from convertkit.workers.jobs import ConvertJob, DescribeJob, InferJob
from convertkit.workers.pool import Workers

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"


@pytest.fixture(scope="session", autouse=True)
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A store for this session only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVERTKIT_CACHE", str(tmp_path_factory.mktemp("store")))
        yield


class Lab:
    """Stages and runtimes in workers, without the pipeline around them."""

    def __init__(self, workers: Workers, folder: Path) -> None:
        self.workers = workers
        self.folder = folder
        self._numbers = itertools.count()

    def path(self, name: str) -> Path:
        """A path that no test had before."""
        return self.folder / f"{next(self._numbers)}-{name}"

    def write(self, arrays: Arrays) -> Path:
        """Arrays in a new file."""
        file = self.path("arrays.npz")
        write_npz(file, arrays)
        return file

    def describe(self, job: DescribeJob) -> Described:
        """A model's own signature."""
        answer = self.workers.ask(runtime_row(job.format).environment, job, "lab.log")
        assert isinstance(answer, Described)
        return answer

    def fixture(self, name: str, file: str = "model.pt2", kind: str = "exported-program") -> Artifact:
        """A shipped model, its batch axis dynamic."""
        factory = f"fixtures.models:{name}" if kind in ("state-dict", "safetensors") else None
        return self.source(
            str(FIXTURES / name / file), Loader(kind, factory, search_path=str(ROOT)), fixture_samples(name)
        )

    def source(self, path: str, loader: Loader, samples: Arrays) -> Artifact:
        """A PyTorch model, its batch axis dynamic."""
        inputs = tuple(TensorSpec(k, v.dtype.name, ("batch", *v.shape[1:])) for k, v in samples.items())
        two, three = ({k: v[:n] for k, v in samples.items()} for n in (2, 3))
        described = self.describe(
            DescribeJob(
                Format.TORCH,
                path,
                loader,
                inputs,
                str(self.write(two)),
                {"batch": (str(self.write(three)),)},
            )
        )
        digest, size = hash_path(Path(path))
        loader = msgspec.structs.replace(loader, casts=described.casts)
        return Artifact(
            Variant(Format.TORCH), path, described.signature, digest, size, loader, described.half
        )

    def convert(
        self,
        stage: str,
        source: Artifact,
        target: str,
        samples: Arrays,
        options: dict[str, Any] | None = None,
    ) -> Artifact:
        """Run a stage; the artifact with its signature."""
        row, variant = stage_row(stage), parse_variant(target)
        chosen = msgspec.convert(options or {}, row.options).attempts(
            precision=variant.precision, has_dynamic_axes=True
        )[0]
        out, scratch = self.path(variant.file_name("model")), self.path("scratch")
        scratch.mkdir()
        job = ConvertJob(
            stage,
            source,
            variant,
            msgspec.to_builtins(chosen),
            str(out),
            str(scratch),
            str(self.write({name: values[:2] for name, values in samples.items()})),
            str(self.write(samples)),
        )
        answer: Answer = self.workers.ask(row.environment, job, "lab.log")
        assert isinstance(answer, Converted)
        digest, size = hash_path(out)
        return Artifact(variant, str(out), answer.signature, digest, size, answer.loader)

    def infer(self, artifact: Artifact, samples: Arrays, chunk: int = 32, runtime: str = "") -> Arrays:
        """Logical outputs of an artifact."""
        row = runtime_row(artifact.variant.format)
        outputs = self.path("outputs.npz")
        job = InferJob(runtime or row.name, artifact, str(self.write(samples)), str(outputs), chunk)
        self.workers.ask("field" if runtime else row.environment, job, "lab.log")
        return read_npz(outputs)


def fixture_samples(name: str) -> Arrays:
    """The samples of a shipped model, without labels."""
    samples = read_npz(FIXTURES / name / "samples.npz")
    samples.pop("labels", None)
    return samples


def sqnr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    """Signal to noise ratio, written here anew so that tests do not judge the product by itself."""
    error = got.astype(np.float64) - wanted.astype(np.float64)
    return float(10 * np.log10(np.sum(wanted.astype(np.float64) ** 2) / max(np.sum(error**2), 1e-300)))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Workers that live as long as the session, so that each framework is imported once."""
    folder = tmp_path_factory.mktemp("lab")
    writable = (tmp_path_factory.getbasetemp(),)
    with Workers(folder, LimitOptions(job_seconds=300), threads=1, writable=writable) as workers:
        yield Lab(workers, folder)
