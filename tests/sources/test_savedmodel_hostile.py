"""Hostile SavedModels made with TensorFlow are refused, and would really have touched files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from convertkit.cli import cli
from convertkit.sources import inspect_source

pytestmark = pytest.mark.slow
tf: Any = pytest.importorskip("tensorflow")
VECTOR = tf.TensorSpec([None, 3], name="x")
SAVE: dict[str, Any] = {"tensor_names": ["x"], "shape_and_slices": [""]}


def refusals(folder: Path) -> tuple[str, ...]:
    return inspect_source(folder).refusals


def saves(path: str, x: Any) -> Any:
    with tf.control_dependencies([tf.raw_ops.SaveV2(prefix=path, tensors=[x], **SAVE)]):
        return tf.identity(x)


def restores(path: str, x: Any) -> Any:
    return tf.raw_ops.RestoreV2(prefix=path, dtypes=[tf.float32], **SAVE)[0]


def saves_in_a_branch(path: str, x: Any) -> Any:
    def both() -> Any:
        return tf.while_loop(lambda y: tf.reduce_sum(y) < 0.0, lambda y: (saves(path, y),), [x])[0]

    return tf.cond(tf.reduce_sum(x) > 0, both, lambda: x)


def reads_rows(path: str, x: Any) -> Any:
    rows = tf.data.experimental.CsvDataset([path], [tf.float32])
    return rows.reduce(tf.reduce_sum(x), lambda total, row: total + row)


def calls_python(path: str, x: Any) -> Any:
    return tf.numpy_function(lambda y: y, [x], tf.float32)


def prints_to_a_file(path: str, x: Any) -> Any:
    tf.print(x, output_stream=f"file://{path}")
    return x


def hides_in_a_gradient(path: str, x: Any) -> Any:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def same(y: Any) -> Any:
        return tf.identity(y), lambda upstream: saves(path, upstream)

    return same(x)


def reads_a_table(path: str, x: Any) -> Any:
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    tf.raw_ops.InitializeTableFromTextFileV2(table_handle=table, filename=path, key_index=-2, value_index=-1)
    return tf.raw_ops.LookupTableSizeV2(table_handle=table)


HOSTILE: dict[str, tuple[Callable[[str, Any], Any], str]] = {
    "saves": (saves, "SaveV2"),
    "restores": (restores, "RestoreV2"),
    "saves in a branch": (saves_in_a_branch, "SaveV2"),
    "reads rows": (reads_rows, "CSVDataset"),
    "calls Python": (calls_python, "PyFunc"),
    "prints to a file": (prints_to_a_file, "PrintV2"),
    "hides in a gradient": (hides_in_a_gradient, "SaveV2"),
    "reads a table": (reads_a_table, "InitializeTableFromTextFileV2"),
}


def save_hostile(folder: Path, uses: Callable[[str, Any], Any], path: Path) -> None:
    """A model that serves what `uses` makes of its input."""
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    module.serve = tf.function(lambda x: {"y": uses(str(path), x * module.weight)}, input_signature=[VECTOR])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve}, options)


@pytest.mark.parametrize("name", HOSTILE)
def test_operators_that_touch_files_or_python_are_refused(tmp_path: Path, name: str) -> None:
    uses, operator = HOSTILE[name]
    save_hostile(tmp_path / "m", uses, tmp_path / "canary")
    found = refusals(tmp_path / "m")
    assert found, name
    assert operator in found[0]
    assert not list(tmp_path.glob("canary*"))


def tamper(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the graph of a saved model."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString((folder / "saved_model.pb").read_bytes())
    change(model.meta_graphs[0])
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())


def add_saving(graph: Any, function: str, path: Path) -> None:
    """Let a function save to a path as well."""
    found = next(f for f in graph.graph_def.library.function if function in f.signature.name)
    with tf.Graph().as_default() as source, tf.name_scope("bad"):
        tf.raw_ops.SaveV2(prefix=str(path), tensors=[tf.constant(1.0)], name="save", **SAVE)
    nodes = source.as_graph_def().node
    for node in nodes:
        node.input[:] = [f"{name}:output:0" for name in node.input]
    for node in found.node_def:
        if node.op in ("Identity", "NoOp"):
            node.input.append("^bad/save")
    found.node_def.extend(nodes)


class Looks(tf.Module):  # type: ignore[misc]
    """Serves a product, and keeps a table from a file."""

    def __init__(self, vocabulary: Path) -> None:
        self.weight = tf.Variable(tf.ones([3, 2]))
        line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        table = tf.lookup.TextFileInitializer(str(vocabulary), tf.string, line, tf.int64, number)
        self.table = tf.lookup.StaticHashTable(table, -1)

    @tf.function(input_signature=[VECTOR])  # type: ignore[untyped-decorator]
    def serve(self, x: Any) -> Any:
        return {"y": x @ self.weight}


def reach_outside(graph: Any) -> None:
    graph.asset_file_def[0].filename = "../../outside"


USE = """
import sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
loaded = tf.saved_model.load(sys.argv[2])
loaded.signatures["serving_default"](x=tf.ones([1, 3]))
tf.lite.TFLiteConverter.from_saved_model(sys.argv[3], signature_keys=["serving_default"]).convert()
"""


def test_what_is_refused_would_have_written(tmp_path: Path, vocabulary: Path) -> None:
    """At load by an initializer, at a call by the signature, at conversion by the function that restores."""
    module = Looks(vocabulary)
    folders = {name: tmp_path / name for name in ("_initializer_", "served", "traced_restore")}
    for name, folder in folders.items():
        canary = tmp_path / f"canary-{name}"
        if name == "served":
            save_hostile(folder, saves, canary)
        else:
            tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
            tamper(folder, lambda graph, name=name, canary=canary: add_saving(graph, name, canary))
        assert refusals(folder)[0].endswith("uses SaveV2")
        result = CliRunner().invoke(
            cli, ["convert", str(folder), "--to", "tflite", "-o", str(tmp_path / "o")]
        )
        assert getattr(result.exception, "exit_code", result.exit_code) == 6
        assert not list(tmp_path.glob("canary*"))
    command = [sys.executable, "-c", USE, *map(str, folders.values())]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    written = {path.name.partition(".")[0] for path in tmp_path.glob("canary*")}
    assert written == {f"canary-{name}" for name in folders}


def test_assets_that_lead_outside_are_refused(tmp_path: Path, vocabulary: Path) -> None:
    tf.saved_model.save(Looks(vocabulary), str(tmp_path / "m"))
    tamper(tmp_path / "m", reach_outside)
    assert refusals(tmp_path / "m") == ("assets of it lie outside: ../../outside",)
