"""What exporters note in a graph besides its operators. Runs in a worker."""

from __future__ import annotations

import onnx

EXPORTER_METADATA = "pkg.torch.onnx."
KEPT_METADATA = ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy")


def strip_metadata(model: onnx.ModelProto) -> None:
    """Remove what differs between machines: stack traces with absolute paths. Module paths stay."""
    holders = [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer]
    holders += [*model.graph.input, *model.graph.output, *model.functions]
    for function in model.functions:
        holders += [*function.node, *function.value_info]
    for holder in holders:
        kept = [
            (p.key, p.value)
            for p in holder.metadata_props
            if p.key in KEPT_METADATA or not p.key.startswith(EXPORTER_METADATA)
        ]
        del holder.metadata_props[:]
        for key, value in kept:
            holder.metadata_props.add(key=key, value=value)
        if hasattr(holder, "doc_string"):
            holder.doc_string = ""
