"""Kits of servers against what servers are made of: `python -m benchmarks.kits_serving tfserving|triton DIR`.

There is no server binary here: a SavedModel is loaded by TensorFlow's own loader and called with what is in
exactly the body that the client sends; requests and configurations are parsed by the servers' own messages.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

MODEL_CONFIG = Path("build/kits/wheels/tritonclient/grpc/model_config_pb2.py")


def module_at(file: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns_of(body: dict[str, Any]) -> dict[str, Any]:
    """Whole tensors by key, out of either form of a body."""
    if "inputs" in body:
        return dict(body["inputs"])
    rows = body["instances"]
    return {key: [row[key] for row in rows] for key in rows[0]}


def check_tfserving(home: Path) -> str:
    """The configuration, the REST bodies through TensorFlow's loader, and the warm-up requests."""
    sys.path.insert(0, str(home / "client"))
    import tensorflow as tf
    from google.protobuf import text_format
    from tensorflow_serving.apis import prediction_log_pb2
    from tensorflow_serving.config import model_server_config_pb2

    grpc_client, rest, vectors = (
        importlib.import_module(name) for name in ("grpc_client", "rest", "vectors")
    )
    text = (home / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config[0]
    folder = home / "models" / config.name / str(config.model_version_policy.specific.versions[0])
    call = tf.saved_model.load(str(folder)).signatures["serving_default"]
    specs = call.structured_input_signature[1]
    bodies = (rest.columns, rest.instances) if rest.ROWS else (rest.columns,)
    for each in vectors.INDEX["vectors"]:
        for body in bodies:
            sent = columns_of(json.loads(json.dumps(body(vectors.arrays(each["inputs"])))))
            found = call(**{key: tf.constant(values, specs[key].dtype) for key, values in sent.items()})
            vectors.check(each, {one["name"]: found[one["key"]].numpy() for one in rest.OUTPUTS})
    requests = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        for record in tf.data.TFRecordDataset(str(folder / "assets.extra" / "tf_serving_warmup_requests"))
    ]
    meant = [grpc_client.request(vectors.arrays(each["inputs"])) for each in vectors.INDEX["vectors"]]
    assert requests == meant
    return f"{len(bodies) * len(meant)} REST bodies, {len(requests)} warm-up requests"


def check_triton(home: Path) -> str:
    """The configuration, by Triton's own message."""
    from google.protobuf import text_format

    messages = module_at(MODEL_CONFIG)
    (file,) = home.glob("models/*/config.pbtxt")
    config = text_format.Parse(file.read_text(), messages.ModelConfig())
    assert config.name == file.parent.name
    (version,) = config.version_policy.specific.versions
    assert (file.parent / str(version)).is_dir()
    return f"{len(config.input)} inputs, {len(config.output)} outputs, batch {config.max_batch_size}"


if __name__ == "__main__":
    kind, folder = sys.argv[1:]
    print({"tfserving": check_tfserving, "triton": check_triton}[kind](Path(folder)))
