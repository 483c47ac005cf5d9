"""Functions of a SavedModel numbered anew: the same bytes whatever the process traced before."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BOUND = {True: 5, False: 6}


def saved(folder: Path, serve: int, wrapper: int, capture: int) -> Path:
    """A SavedModel of two functions, one calling the other, with these numbers in their names."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    graph = model.meta_graphs.add()
    names = [f"__inference_serve_{serve}", f"__inference_signature_wrapper_{wrapper}", "Dataset_map_fn_7"]
    for name in sorted(names):
        graph.graph_def.library.function.add().signature.name = name
    inner = next(one for one in graph.graph_def.library.function if one.signature.name == names[0])
    inner.arg_attr[0].attr["_user_specified_name"].s = b"image"
    inner.arg_attr[1].attr["_user_specified_name"].s = str(capture).encode()
    outer = next(one for one in graph.graph_def.library.function if one.signature.name == names[1])
    outer.node_def.add().attr["f"].func.name = names[0]
    for name in names[:2]:
        graph.object_graph_def.concrete_functions[name].bound_inputs.append(BOUND[name == names[0]])
    graph.object_graph_def.nodes.add().function.concrete_functions.append(names[0])
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(model.SerializeToString(deterministic=True))
    return folder


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    from convertkit.graphs.savedmodel_names import number_functions

    folders = [saved(tmp_path / "a", 30, 42, 34), saved(tmp_path / "b", 97, 309, 301)]
    for folder in folders:
        number_functions(folder)
    first, second = ((folder / "saved_model.pb").read_bytes() for folder in folders)
    assert first == second


def test_every_reference_follows_and_all_else_stays(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    from convertkit.graphs.savedmodel_names import number_functions

    folder = saved(tmp_path / "a", 1, 0, 34)  # the new numbers are the old ones, changed over
    number_functions(folder)
    graph = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]
    functions = {one.signature.name: one for one in graph.graph_def.library.function}
    assert list(functions) == ["Dataset_map_fn_7", "__inference_serve_1", "__inference_signature_wrapper_0"]
    outer = functions["__inference_signature_wrapper_0"]
    assert outer.node_def[0].attr["f"].func.name == "__inference_serve_1"
    assert list(graph.object_graph_def.nodes[0].function.concrete_functions) == ["__inference_serve_1"]
    bound = graph.object_graph_def.concrete_functions
    assert {name: list(one.bound_inputs) for name, one in bound.items()} == {
        "__inference_serve_1": [BOUND[True]],
        "__inference_signature_wrapper_0": [BOUND[False]],
    }
    inputs = functions["__inference_serve_1"].arg_attr
    assert inputs[0].attr["_user_specified_name"].s == b"image"
    assert "_user_specified_name" not in inputs[1].attr


def test_names_that_change_places_are_told_apart() -> None:
    from convertkit.graphs.savedmodel_names import new_names

    assert new_names(["__inference_f_1", "__inference_f_7", "__inference_f_3", "plain_9"]) == {
        "__inference_f_1": "__inference_f_0",
        "__inference_f_3": "__inference_f_1",
        "__inference_f_7": "__inference_f_2",
    }
