"""Modules of ONNX nodes, where weights tell one thing and what the exporter recorded another."""

from __future__ import annotations

import onnx
import pytest

pytest.importorskip("onnxruntime")
from convertkit.tracing.onnxruntime import weighty_module


def node(kind: str, weight: str, *scopes: str) -> onnx.NodeProto:
    """A node as torch's exporter writes it."""
    made = onnx.helper.make_node(kind, ["x", weight], ["y"])
    made.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(["", *scopes, "y"]))
    return made


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "Gemm"])
def test_what_took_a_batch_norm_in_is_the_module_of_its_weights(kind: str) -> None:
    assert weighty_module(node(kind, "features.0.weight", "features", "features.1")) == "features.0"
    assert weighty_module(node(kind, "val_3", "features", "features.1")) == "features.1"


@pytest.mark.parametrize("kind", ["LayerNormalization", "Gather", "MatMul"])
def test_a_weight_that_is_kept_once_for_several_modules_names_none(kind: str) -> None:
    assert (
        weighty_module(node(kind, "layers.0.norm1.weight", "layers.1", "layers.1.norm2")) == "layers.1.norm2"
    )
