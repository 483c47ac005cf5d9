"""`python -m benchmarks.real_files_check NAME`: the source beside LiteRT at two sizes, without convertkit."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import numpy as np

from benchmarks.real_files_case import FACTORIES, Case
from benchmarks.real_files_models import CASES
from benchmarks.real_files_samples import Arrays


def expected(case: Case, call: Arrays) -> list[np.ndarray]:
    """The source's outputs, by its own runtime."""
    if case.path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(case.path), providers=["CPUExecutionProvider"])
        known = {each.name for each in session.get_inputs()}
        found: list[np.ndarray] = session.run(None, {k: v for k, v in call.items() if k in known})
        return found
    if case.path.suffix == ".hdf5":
        import keras

        return [np.asarray(keras.saving.load_model(case.path, compile=False)(*call.values()))]
    return of_torch(case, call)


def of_torch(case: Case, call: Arrays) -> list[np.ndarray]:
    """The outputs of a factory's module with the file's weights."""
    import torch

    module = getattr(importlib.import_module(FACTORIES), case.factory)().eval()
    if case.path.suffix == ".safetensors":
        from safetensors.torch import load_file

        weights: Any = load_file(case.path)
    else:
        weights = torch.load(case.path, map_location="cpu", weights_only=True)
    weights = weights.get("model_state", weights)
    module.load_state_dict({k: v for k, v in weights.items() if not k.startswith("similarity_")})
    with torch.no_grad():
        found = module(*(torch.from_numpy(np.ascontiguousarray(each)) for each in call.values()))
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


def given(case: Case, call: Arrays) -> list[np.ndarray]:
    """What LiteRT gives, in the signature's order of the run."""
    from ai_edge_litert.interpreter import Interpreter

    run = case.folder / "run"
    runner = Interpreter(str(run / "model.tflite")).get_signature_runner("serving_default")
    taken = runner.get_input_details()
    signature = json.loads((run / "signature.json").read_text(encoding="utf-8"))
    known = next(each for each in signature if each["variant"] == "tflite:float32")
    values = dict(call)
    if not values.keys() >= taken.keys():
        values = dict(zip(taken, values.values(), strict=True))
    arrays = {}
    for spec in known["inputs"]:
        name = spec.get("key") or spec["name"]
        value = values[spec["name"]] if spec["name"] in values else values[name]
        order = spec.get("axis_order")
        arrays[name] = (np.transpose(value, order) if order else value).astype(taken[name]["dtype"])
    got = runner(**arrays)
    found = []
    for spec in known["outputs"]:
        value = got[spec.get("key") or spec["name"]]
        order = spec.get("axis_order")
        found.append(np.transpose(value, np.argsort(order)) if order else value)
    return found


def sqnr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    """Signal to error, decibels, at most 200; -999 where shapes differ or something is not finite."""
    if wanted.shape != got.shape or not np.isfinite(got).all():
        print(f"shapes {wanted.shape} {got.shape}", file=sys.stderr)
        return -999.0
    error = float(((wanted.astype(float) - got.astype(float)) ** 2).sum())
    return min(
        200.0, 10 * float(np.log10(max(float((wanted.astype(float) ** 2).sum()), 1e-30) / max(error, 1e-30)))
    )


def main() -> int:
    """Print the decibels of the worst output of each call."""
    case = next(each for each in CASES if each.name == sys.argv[1])
    assert case.calls is not None
    found = [min(map(sqnr_db, expected(case, call), given(case, call))) for call in case.calls()]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
