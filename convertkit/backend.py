"""The ONNX backend interface over the lowering, as onnx-tf had it: prepare, run_model, run_node.

Loads TensorFlow; not to be imported by the parent process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

from convertkit.lowering import Lowered, NeedsConstant, write_savedmodel
from convertkit.lowering.checks import checked
from convertkit.lowering.module import build
from convertkit.lowering.narrow import carried, narrow_element, uncarried
from convertkit.lowering.nodes import names_used, needed, subgraphs

Array = np.ndarray[Any, Any]


class TensorflowRep(BackendRep):
    """A model ready to run, in the source's axis order.

    Inputs that decide the shape of the graph (pads, axes, scales …) are taken as constants when the model is
    first run, and the model is lowered again when they change.

    Attributes:
        bound_names: the inputs that had to be known at build time.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = checked(model)
        initializers = {initializer.name for initializer in self.model.graph.initializer}
        self.input_names = [value.name for value in self.model.graph.input if value.name not in initializers]
        self.output_names = [value.name for value in self.model.graph.output]
        self.bound_names: set[str] = set()
        self._lowered: Lowered | None = None
        self._bound: dict[str, Array] = {}
        try:
            self._lowered = build(self.model, "source", None, {})
        except NeedsConstant as error:
            self._bind(error)

    def _bind(self, error: NeedsConstant) -> None:
        """Take the inputs that the operand is computed from as constants; raise where there are none."""
        more = ancestors(self.model.graph, error.operand).intersection(self.input_names) - self.bound_names
        if not more:
            raise error
        self.bound_names |= more

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Array, ...]:
        """The outputs for inputs given in order, or by name."""
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        arrays = inputs if isinstance(inputs, dict) else dict(zip(self.input_names, inputs, strict=False))
        arrays = {name: carried(np.asarray(array)) for name, array in arrays.items()}
        lowered = self.lowered_for(arrays)
        keys = [(spec.runtime_name, spec.name) for spec in lowered.signature.inputs]
        results = lowered.module.serving_default(*[arrays[name] for _, name in keys])
        outputs = [np.asarray(results[name].numpy()) for name in self.output_names]
        narrow = [narrow_element(value.type.tensor_type.elem_type) for value in self.model.graph.output]
        return tuple(a if n is None else uncarried(a, n) for a, n in zip(outputs, narrow, strict=True))

    def lowered_for(self, arrays: dict[str, Array]) -> Lowered:
        """The lowered model for these values of the bound inputs."""
        while True:
            bound = {name: arrays[name] for name in self.bound_names}
            if self._lowered is not None and _are_equal(bound, self._bound):
                return self._lowered
            try:
                self._lowered, self._bound = build(self.model, "source", None, bound), bound
            except NeedsConstant as error:
                self._bind(error)

    def export_graph(self, path: str | Path) -> None:
        """Write the SavedModel."""
        if self._lowered is None:
            raise ValueError(f"run the model first: {sorted(self.bound_names)} have to be known")
        write_savedmodel(self._lowered, Path(path))


def _are_equal(left: dict[str, Array], right: dict[str, Array]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def ancestors(graph: onnx.GraphProto, name: str) -> set[str]:
    """Every name that `name` is computed from, itself included."""
    names = {name}
    for node in needed(graph.node, [name]):
        names.update(node.input)
        for inner in subgraphs(node):
            names |= names_used(inner)
    return names


class TensorflowBackend(Backend):
    """`onnx.backend.base.Backend` over `convertkit.lowering`."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> TensorflowRep:
        """A model ready to run.

        Raises:
            ConvertkitError: it cannot be lowered.
        """
        if not cls.supports_device(device):
            raise ValueError(f"device '{device}' is not supported")
        return TensorflowRep(model)

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any
    ) -> tuple[Any, ...]:
        """The outputs of a model."""
        return cls.prepare(model, device).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """The outputs of one node; `opset_version` says which opset it is of."""
        names = [name for name in node.input if name]
        arrays = inputs if isinstance(inputs, dict) else dict(zip(names, inputs, strict=True))
        model = _model_of(node, {name: np.asarray(array) for name, array in arrays.items()}, kwargs)
        return cls.prepare(model, device).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """CPU alone."""
        return device.split(":")[0] == "CPU"


def _model_of(node: onnx.NodeProto, arrays: dict[str, Array], options: dict[str, Any]) -> onnx.ModelProto:
    helper = onnx.helper
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in arrays.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "node", inputs, outputs)
    opset = options.get("opset_version", onnx.defs.onnx_opset_version())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


prepare = TensorflowBackend.prepare
run_model = TensorflowBackend.run_model
run_node = TensorflowBackend.run_node
supports_device = TensorflowBackend.supports_device
is_compatible = TensorflowBackend.is_compatible
