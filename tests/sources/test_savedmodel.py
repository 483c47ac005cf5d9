"""SavedModels made from bytes: what passes, and every way of reaching a file or hiding an operator."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import InspectGraph
from handmade_savedmodel import (
    NODES,
    SERVE,
    SIGNATURES,
    TABLE,
    asset,
    call,
    entry,
    field,
    function_name,
    meta_graph,
    node,
    node_list,
    saved_model,
    saver,
    signature,
    text,
    with_nodes,
)
from test_fuzz import error_of, mutated

from convertkit.artifacts.formats import Format
from convertkit.errors import ModelFileError
from convertkit.sources import Kind, inspect_source

TENSORFLOW_1 = meta_graph(
    [
        node("x", "Placeholder"),
        node("w", "VariableV2"),
        node("y", "MatMul", "x", "w/read"),
        node("w/read", "Identity", "w"),
        node("vocabulary", "Const"),
        node("table", "HashTableV2"),
        node("fill", "InitializeTableFromTextFileV2", "table", "vocabulary"),
        node("init", "NoOp", "^fill"),
        node("save/default", "Const"),
        node("save/Const", "PlaceholderWithDefault", "save/default"),
        node("save/SaveV2", "SaveV2", "save/Const", "save/default", "save/default", "w"),
        node("save/Identity", "Identity", "save/Const", "^save/SaveV2"),
        node("save/RestoreV2", "RestoreV2", "save/Const", "save/default", "save/default"),
        node("save/Assign", "Assign", "w", "save/RestoreV2"),
        node("save/restore_all", "NoOp", "^save/Assign"),
    ],
    [],
    saver=saver("save/Const:0", "save/Identity:0", "save/restore_all"),
    signatures=[signature("serving_default", "y:0")],
    assets=[],
    objects=[],
    bindings=[],
    collections=[
        node_list("saved_model_main_op", "init"),
        entry("variables", field(2, field(1, field(1, "w:0") + field(2, "w/Assign")))),
        entry("saved_model_assets", field(5, field(1, entry("type", asset("vocabulary:0", "a.txt"))))),
    ],
)
BENIGN = {
    "as TensorFlow writes it": meta_graph(),
    "in the style of TensorFlow 1": TENSORFLOW_1,
    "no saver": meta_graph(NODES[:-3], [SERVE, TABLE], saver=b""),
    "calls": with_nodes(
        node("while", "While", "x", body=function_name("serve"), cond=function_name("serve")),
        node("direct", "serve", "x", "w"),
    ),
    "prints": with_nodes(node("p", "PrintV2", "x"), node("q", "PrintV2", "x", output_stream=text("stdout"))),
}


@pytest.mark.parametrize("name", BENIGN)
def test_ordinary_graphs_pass(inspect_graph: InspectGraph, name: str) -> None:
    source = inspect_graph(saved_model(BENIGN[name]))
    assert (source.kind, source.format, source.refusals) == (Kind.SAVEDMODEL, Format.SAVEDMODEL, ())


CALLED_TABLE = call("fill", "initialize", "bad", "table")
GRAPH = field(2, field(1, node("n", "NoOp")))
DAMAGED = {
    "truncated": saved_model()[:-1],
    "truncated length": field(1, 1) + b"\x12\xff",
    "long number": b"\x08" + b"\x80" * 10 + b"\x01",
    "no number": b"\x02\x00",
    "a group": field(1, 1) + b"\x13\x14" + field(2, meta_graph()),
    "a group in a node": saved_model(meta_graph([node("n", "NoOp") + b"\x13\x12\x09WriteFile\x14"])),
    "two graphs in one": saved_model(GRAPH + GRAPH),
    "two operators in one node": saved_model(meta_graph([node("n", "NoOp") + field(2, "WriteFile")])),
    "two savers": saved_model(meta_graph(more=field(3, saver()))),
    "an operator that is a number": saved_model(meta_graph([field(1, "n") + field(2, 7)])),
    "nodes of one name": saved_model(meta_graph([node("n", "NoOp"), node("n", "NoOp")])),
    "a node without a name": saved_model(meta_graph([node("", "NoOp")])),
    "no graph": field(1, 1),
    "text": b"saved_model_schema_version: 1",
    "empty": b"",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_graphs_are_unusable(inspect_graph: InspectGraph, name: str) -> None:
    with pytest.raises(ModelFileError, match="SavedModel"):
        inspect_graph(DAMAGED[name])


def test_unknown_fields_are_refused(inspect_graph: InspectGraph) -> None:
    hidden = node("n", "NoOp") + field(9, node("m", "WriteFile"))
    refusals = inspect_graph(saved_model(with_nodes(hidden))).refusals
    assert refusals == ("fields that this check does not know: NodeDef.9",)


def link_out(folder: Path) -> Any:
    (folder / "assets").symlink_to("/etc")


def fifo(folder: Path) -> Any:
    os.mkfifo(folder / "variables" / "pipe")


def text_beside(folder: Path) -> Any:
    (folder / "saved_model.pbtxt").write_text("")


def chunks_instead(folder: Path) -> Any:
    (folder / "saved_model.pb").rename(folder / "saved_model.cpb")


@pytest.mark.parametrize("damage", [link_out, fifo, text_beside, chunks_instead])
def test_folders_that_are_not_plain_are_unusable(folder: Path, damage: Any) -> None:
    damage(folder)
    with pytest.raises(ModelFileError, match="SavedModel"):
        inspect_source(folder)


def test_deep_nesting_ends(inspect_graph: InspectGraph) -> None:
    info = field(1, "x:0")
    for _ in range(2000):
        info = field(5, field(2, info))
    entries = [entry("deep", field(1, entry("x", info)))]
    assert inspect_graph(saved_model(meta_graph(signatures=[*SIGNATURES, *entries]))).refusals == ()


@pytest.mark.timeout(120)
def test_mutated_graphs_raise_only_our_errors(inspect_graph: InspectGraph) -> None:
    source = random.Random(7)
    for _ in range(400):
        error = error_of(inspect_graph, mutated(saved_model(), source))
        assert error is None or (error.exit_code == 6 and "\n" not in str(error))
