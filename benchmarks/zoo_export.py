"""Export one model of the zoo to ONNX, with inputs and outputs at several sizes. Imports torch only.

`python -m benchmarks.zoo_export NAME FOLDER`
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.zoo_models import MODELS, Entry, made

BATCHES = (1, 2, 5)


def settings(entry: Entry) -> list[dict[str, int]]:
    """The sizes that a model is checked at: three batches, and two settings of its other free axes."""
    return [*({"batch": batch} for batch in BATCHES), *({"batch": 2, **sizes} for sizes in entry.sizes)]


def export(name: str, path: Path) -> str:
    """Write the ONNX file, batch and further free axes dynamic; say which exporter did it."""
    entry, model = MODELS[name], made(name)
    torch.manual_seed(1)
    inputs = entry.inputs(batch=2)
    names = [f"input{index}" for index in range(len(inputs))]
    try:
        program = torch.onnx.export(
            model,
            inputs,
            dynamo=True,
            opset_version=20,
            dynamic_shapes=free_axes(entry, inputs),
            input_names=names,
            verbose=False,
        )
        program.save(str(path))
        return "dynamo"
    except Exception as error:
        print(f"dynamo: {type(error).__name__}: {str(error).splitlines()[0][:150]}", file=sys.stderr)
    torch.onnx.export(
        model,
        inputs,
        str(path),
        dynamo=False,
        opset_version=20,
        input_names=names,
        dynamic_axes=dict.fromkeys(names, axes_of(entry)),
    )
    return "torchscript"


def axes_of(entry: Entry) -> dict[int, str]:
    """The free axes of a model's inputs, by place."""
    return {0: "batch"} | {axis: word for word, axis in entry.free.items()}


def free_axes(entry: Entry, inputs: Sequence[torch.Tensor]) -> tuple[Any, ...]:
    """The same as torch.export takes them."""
    axes = axes_of(entry).items()
    return tuple({axis: _dimension(word) for axis, word in axes if axis < x.ndim} for x in inputs)


def _dimension(word: str) -> Any:
    return torch.export.Dim(word) if word == "batch" else torch.export.Dim.DYNAMIC


def main() -> None:
    warnings.filterwarnings("ignore")
    name, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    exporter = export(name, folder / "model.onnx")
    model = made(name)
    torch.manual_seed(2)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for number, sizes in enumerate(settings(MODELS[name])):
        inputs = MODELS[name].inputs(**sizes)
        with torch.inference_mode():
            outputs = model(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        arrays |= {f"{number}.input{index}": x.numpy() for index, x in enumerate(inputs)}
        arrays |= {f"{number}.output{index}": x.numpy() for index, x in enumerate(outputs)}
    np.savez(folder / "cases.npz", **arrays)
    (folder / "exporter").write_text(f"{exporter} {time.perf_counter() - started:.1f}")


if __name__ == "__main__":
    main()
