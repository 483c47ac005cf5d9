"""The three conversions of a run with no checks at all: what a hand-written script does."""

from __future__ import annotations

import sys
from pathlib import Path


def main(model: str, samples: str, out: str) -> None:
    import numpy as np
    import torch

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    program = torch.export.load(model)
    torch.onnx.export(
        program,
        (),
        str(folder / "model.onnx"),
        dynamo=True,
        opset_version=20,
        external_data=False,
        verbose=False,
        input_names=["image"],
        output_names=["output"],
    )
    images = np.load(samples)["image"][:128].transpose(0, 2, 3, 1)

    import onnx2tf
    import tensorflow as tf

    np.save(folder / "image.npy", images[:2])
    keras_model = onnx2tf.convert(
        input_onnx_file_path=str(folder / "model.onnx"),
        output_folder_path=str(folder / "onnx2tf"),
        not_use_onnxsim=True,
        output_signaturedefs=True,
        disable_model_save=True,
        custom_input_op_name_np_data_path=[["image", str(folder / "image.npy")]],
        non_verbose=True,
    )
    serve = tf.function(lambda image: {"output": keras_model(image)}).get_concrete_function(
        tf.TensorSpec([None, 8, 8, 1], tf.float32, "image")
    )
    module = tf.Module()
    module.model = keras_model
    module.serve = serve
    tf.saved_model.save(module, str(folder / "saved"), signatures={"serving_default": serve})

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ({"image": image[None]} for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (folder / "model.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:4])
