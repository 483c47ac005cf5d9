"""Forms of data that people have in hand, each given to `convert` as its row says; for docs/sources.md.

A row is built in a folder of its own, from the same 32 samples, for a small seeded model: of one image, or of
two vectors.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.sources_case import Row
from benchmarks.sources_data_forms import (
    ANIMALS,
    CLASSES,
    FIRST,
    IMAGES,
    LABELS,
    PICTURE,
    SAMPLES,
    SECOND,
    dataset,
    forever,
    loader,
    npy_path,
    npz,
    npz_path,
    pairs,
    pictures,
    representative,
    saved,
    table,
    torch,
)

QUICK = ("bench.rounds=2", "bench.warmup_s=0.01")


class DataCase(msgspec.Struct, frozen=True):
    """One form of data.

    Attributes:
        given: how it is written, as a row of the page says it.
        build: makes it, in an empty folder.
        count: how many samples it holds.
        is_labelled: whether labels are among them.
        model: `image` or `two`.
        needs: the package that it is a thing of; empty: NumPy and Python alone.
        refused: words of the line that refuses it; empty: it is taken.
    """

    name: str
    given: str
    build: Callable[[Path], Any]
    count: int = SAMPLES
    is_labelled: bool = False
    model: str = "image"
    needs: str = ""
    refused: str = ""


CASES = (
    DataCase("array", "samples=array", lambda _: IMAGES),
    DataCase("array-float64", "samples=array of float64", lambda _: IMAGES.astype(np.float64)),
    DataCase("list-of-numbers", "samples=array.tolist()", lambda _: IMAGES.tolist()),
    DataCase("pair", "samples=(array, labels)", lambda _: (IMAGES, LABELS), is_labelled=True),
    DataCase("two-inputs", "samples=(first, second)", lambda _: (FIRST, SECOND), model="two"),
    DataCase(
        "two-inputs-labels",
        "samples=((first, second), labels)",
        lambda _: ((FIRST, SECOND), LABELS),
        is_labelled=True,
        model="two",
    ),
    DataCase("dict", "samples={'b': …, 'a': …}", lambda _: {"b": SECOND, "a": FIRST}, model="two"),
    DataCase("list-of-samples", "samples=[image, …]", lambda _: list(IMAGES)),
    DataCase("list-of-pairs", "samples=[(image, 2), …]", lambda _: pairs(), is_labelled=True),
    DataCase("list-of-batches", "samples=[batch, …]", lambda _: [IMAGES[:12], IMAGES[12:24], IMAGES[24:]]),
    DataCase(
        "list-of-equal-batches",
        "samples=[batch, …] of one size",
        lambda _: list(IMAGES.reshape(4, 8, 3, 8, 8)),
    ),
    DataCase(
        "list-of-dicts",
        "samples=[{'a': …, 'b': …, 'label': 1}, …]",
        lambda _: [
            {"a": a, "b": b, "label": label} for a, b, label in zip(FIRST, SECOND, LABELS, strict=True)
        ],
        is_labelled=True,
        model="two",
    ),
    DataCase("generator", "samples=(image for …)", lambda _: (image for image in IMAGES)),
    DataCase("generator-function", "samples=representative_dataset", lambda _: representative),
    DataCase("endless", "samples=endless generator", lambda _: forever(), count=640, is_labelled=True),
    DataCase(
        "npz-open", "samples=np.load('x.npz')", lambda f: npz(f, x=IMAGES, labels=LABELS), is_labelled=True
    ),
    DataCase("npz", "--samples x.npz", lambda f: npz_path(f, x=IMAGES, labels=LABELS), is_labelled=True),
    DataCase("npy", "--samples x.npy", npy_path),
    DataCase("images", "--samples folder/", lambda f: pictures(f, lambda n: f"{n:02}.png")),
    DataCase(
        "class-folders",
        "--samples folder/ of class subfolders",
        lambda f: pictures(f, lambda n: f"{ANIMALS[n % 3]}/{n:02}.png"),
        is_labelled=True,
    ),
    DataCase("tensor", "samples=tensor", lambda _: torch().from_numpy(IMAGES), needs="torch"),
    DataCase(
        "tensor-bfloat16",
        "samples=tensor.bfloat16().requires_grad_()",
        lambda _: torch().from_numpy(IMAGES).bfloat16().requires_grad_(),
        needs="torch",
    ),
    DataCase("dataset", "samples=TensorDataset(x)", lambda _: dataset(IMAGES), needs="torch"),
    DataCase(
        "dataset-pairs",
        "samples=TensorDataset(x, y)",
        lambda _: dataset(IMAGES, LABELS),
        is_labelled=True,
        needs="torch",
    ),
    DataCase(
        "loader",
        "samples=DataLoader(…, 12)",
        lambda _: loader(IMAGES, LABELS, batch_size=12),
        is_labelled=True,
        needs="torch",
    ),
    DataCase(
        "loader-two-inputs",
        "samples=DataLoader of (a, b)",
        lambda _: loader(FIRST, SECOND, batch_size=12),
        model="two",
        needs="torch",
    ),
    DataCase(
        "loader-unbatched",
        "samples=DataLoader(batch_size=None)",
        lambda _: loader(IMAGES, batch_size=None),
        needs="torch",
    ),
    DataCase(
        "pt-tensor", "--samples x.pt, a tensor", lambda f: saved(f, torch().from_numpy(IMAGES)), needs="torch"
    ),
    DataCase(
        "pt-dict",
        "--samples x.pt, a dict with labels",
        lambda f: saved(f, {"x": torch().from_numpy(IMAGES), "labels": torch().from_numpy(LABELS)}),
        is_labelled=True,
        needs="torch",
    ),
    DataCase(
        "pt-pairs",
        "--samples x.pt, (tensor, labels)",
        lambda f: saved(f, (torch().from_numpy(IMAGES), torch().from_numpy(LABELS))),
        is_labelled=True,
        needs="torch",
    ),
    DataCase(
        "column", "samples=frame['image']", lambda _: table(image=list(IMAGES))["image"], needs="pandas"
    ),
    DataCase(
        "table",
        "samples=frame of columns of arrays and 'label'",
        lambda _: table(image=list(IMAGES), label=LABELS),
        is_labelled=True,
        needs="pandas",
    ),
    DataCase("text-of-an-array", "samples=str(list)", lambda _: str(IMAGES.tolist()), refused="no path"),
    DataCase("number", "samples=3", lambda _: 3, refused="holds no samples"),
    DataCase("words", "samples=['a.png', …]", lambda _: ["a.png", "b.png"], refused="are text"),
    DataCase(
        "ragged",
        "samples=[image, larger image]",
        lambda _: [IMAGES[0], PICTURE[0]],
        refused="differ in shape",
    ),
    DataCase("nothing", "samples=[]", lambda _: [], refused="are empty"),
    DataCase(
        "failing", "samples=generator that fails", lambda _: (1 / 0 for _ in "x"), refused="ZeroDivisionError"
    ),
    DataCase("object", "samples=object()", lambda _: object(), refused="hold no numbers"),
    DataCase(
        "model",
        "--samples model.pt, a module",
        lambda f: saved(f, torch().nn.Linear(1, 1)),
        needs="torch",
        refused="no plain tensors",
    ),
)


def model_of(case: DataCase) -> Any:
    """The seeded model that a row's samples are for."""
    from benchmarks.sources_data_models import ImageModel, TwoVectors

    torch().manual_seed(0)
    return ImageModel(CLASSES) if case.model == "image" else TwoVectors(CLASSES)


def try_data(case: DataCase) -> Row:
    """Convert to ONNX with the row's samples, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="sources-") as name:
        return tried(case, Path(name))


def tried(case: DataCase, folder: Path) -> Row:
    """Convert to ONNX with the row's samples, in two folders below `folder`."""
    import convertkit
    from convertkit.errors import ConvertkitError

    given = folder / "given"
    given.mkdir(parents=True)
    model, samples = model_of(case), case.build(given)
    started = time.perf_counter()
    try:
        report = convertkit.convert(
            model, to="onnx", samples=samples, inputs=inputs_of(case), out=folder / "run", settings=QUICK
        )
        labelled = " with labels" if report.hops[-1].accuracy else ""
        code, told = 0, f"{report.status}, {report.samples.count} samples{labelled}"
    except ConvertkitError as error:
        code, told = error.exit_code, " — hint: ".join(filter(None, (error.message, error.hint)))
    seconds = time.perf_counter() - started
    fault = "" if as_expected(case, told) else f"not as expected: {told}"
    told = told.replace(str(given), "FOLDER")
    return Row(case.name, case.name.replace("-", " "), case.given, code, told, seconds, fault=fault)


def as_expected(case: DataCase, told: str) -> bool:
    """Whether a row was taken, or refused, as it says."""
    if case.refused:
        return case.refused in told
    return told == f"passed, {case.count} samples{' with labels' if case.is_labelled else ''}"


def inputs_of(case: DataCase) -> tuple[str, ...]:
    """What has to be told of the inputs: their size, for a folder of images."""
    return ("x:float32[batch,3,8,8]",) if "folder" in case.given else ()
