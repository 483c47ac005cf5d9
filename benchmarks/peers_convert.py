"""One conversion by one of the peers, in a process of its own.

`python -m benchmarks.peers_convert WAY NAME FOLDER BATCH` writes WAY.BATCH.tflite into the folder and prints
the seconds that the conversion took, imports not counted. Batch 0 is a dynamic batch.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np


def by_lowering(name: str, folder: Path, batch: int) -> tuple[float, bytes]:
    """The product's way: ONNX by the lowering into a SavedModel, that by TFLiteConverter, masks as sums."""
    import onnx
    import tensorflow as tf

    from convertkit.lowering import lower, write_savedmodel
    from convertkit.stages.tflite_masks import add_masks

    started = time.perf_counter()
    source = folder / (f"static{batch}.onnx" if batch else "dynamic.onnx")
    layout = "channels-last" if _is_image(folder) else "auto"
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch, "savedmodel")
        write_savedmodel(lower(onnx.load(str(source)), layout=layout), target)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(target))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content = add_masks(bytes(converter.convert()))
    return time.perf_counter() - started, content


def by_onnx2tf(name: str, folder: Path, batch: int) -> tuple[float, bytes]:
    """onnx2tf with sample data for its trial inferences; it writes a float32 and a float16 file."""
    import importlib

    import onnx2tf

    images = np.random.default_rng(0).random((20, 128, 128, 3), np.float32)
    inner = importlib.import_module("onnx2tf.onnx2tf")
    inner.download_test_image_data = lambda: images  # type: ignore[attr-defined]  # or it downloads them
    x = _inputs(folder, batch)
    options: dict[str, Any] = {}
    if x.ndim == 4:
        zeros = np.zeros((1, 1, 1, x.shape[1]), np.float32)
    else:
        zeros = np.zeros([1] * x.ndim, np.float32)
        options["keep_shape_absolutely_input_names"] = ["input0"]
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copy(folder / f"static{batch}.onnx", Path(scratch, "model.onnx"))  # it writes into it
        for extra in folder.glob(f"static{batch}.onnx.data"):
            shutil.copy(extra, scratch)
        np.save(f"{scratch}/x.npy", x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
        started = time.perf_counter()
        onnx2tf.convert(
            input_onnx_file_path=str(copy),
            output_folder_path=f"{scratch}/out",
            custom_input_op_name_np_data_path=[["input0", f"{scratch}/x.npy", zeros, zeros + 1]],
            not_use_onnxsim=True,
            non_verbose=True,
            **options,
        )
        seconds = time.perf_counter() - started
        return seconds, Path(scratch, "out", "model_float32.tflite").read_bytes()


def by_litert_torch(name: str, folder: Path, batch: int) -> tuple[float, bytes]:
    """litert-torch, images channels-last as the others have them; in an environment of its own."""
    import litert_torch
    import torch

    from benchmarks.peers_models import made

    model = made(name)
    model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    x = torch.from_numpy(_inputs(folder, batch))
    started = time.perf_counter()
    if x.ndim == 4:
        model, x = litert_torch.to_channel_last_io(model, args=[0]), x.permute(0, 2, 3, 1).contiguous()
    converted = litert_torch.convert(model.eval(), (x,))
    with tempfile.TemporaryDirectory() as scratch:
        converted.export(f"{scratch}/model.tflite")
        return time.perf_counter() - started, Path(scratch, "model.tflite").read_bytes()


WAYS = {"ours": by_lowering, "onnx2tf": by_onnx2tf, "litert-torch": by_litert_torch}


def _inputs(folder: Path, batch: int) -> Any:
    with np.load(folder / "cases.npz") as arrays:
        return arrays[f"x{batch}"]


def _is_image(folder: Path) -> bool:
    return bool(_inputs(folder, 1).ndim == 4)


def main() -> None:
    way, name, folder, batch = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    seconds, content = WAYS[way](name, folder, batch)
    (folder / f"{way}.{batch}.tflite").write_bytes(content)
    print("SECONDS", seconds)


if __name__ == "__main__":
    main()
