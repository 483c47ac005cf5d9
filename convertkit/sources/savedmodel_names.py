"""What a SavedModel says of its graph's nodes by name: in signatures, collections and assets."""

from __future__ import annotations

from collections.abc import Iterator

from convertkit.sources.protobuf_wire import LENGTH, Found, Span, WireError, WireReader


def node_name(reference: str) -> str:
    """The node of an input or a tensor: `name`, `name:0`, `^name`."""
    return reference.removeprefix("^").partition(":")[0]


def signature_nodes(reader: WireReader, found: Found) -> tuple[set[str], set[str]]:
    """Nodes that signatures name, and those that the loader's own initialization names."""
    names: tuple[set[str], set[str]] = (set(), set())
    for entry in reader.each(found, "signature_def", "SignatureEntry"):
        signature = reader.one(entry, "value", "SignatureDef")
        is_initializer = reader.only(entry, "key") == "__saved_model_init_op"
        for key in ("inputs", "outputs"):
            for tensor in reader.each(signature, key, "TensorEntry"):
                names[is_initializer].update(tensor_nodes(reader, tensor, "value"))
    return names


def tensor_nodes(reader: WireReader, found: Found, name: str) -> Iterator[str]:
    """Nodes that a TensorInfo names, composite tensors with all their components."""
    waiting = found.get(name, [])[:]
    while waiting:
        info = reader.read(waiting.pop(), "TensorInfo")
        sparse = reader.one(info, "coo_sparse", "CooSparse")
        names = [*reader.texts(info, "name"), *(text for key in sparse for text in reader.texts(sparse, key))]
        yield from map(node_name, names)
        waiting += reader.one(info, "composite_tensor", "CompositeTensor").get("components", [])


def collection_nodes(reader: WireReader, found: Found) -> tuple[set[str], list[tuple[str, str]]]:
    """Nodes that collections name, and the assets of graphs in the style of TensorFlow 1."""
    nodes: set[str] = set()
    assets: list[tuple[str, str]] = []
    for entry in reader.each(found, "collection_def", "CollectionEntry"):
        collection = reader.one(entry, "value", "CollectionDef")
        nodes.update(map(node_name, reader.texts(reader.one(collection, "node_list", "NodeList"), "value")))
        if reader.only(entry, "key") == "saved_model_assets":
            for packed in reader.each(reader.one(collection, "any_list", "AnyList"), "value", "Any"):
                assets += [
                    read_asset(reader, asset) for asset in reader.each(packed, "value", "AssetFileDef")
                ]
        elif reader.only(entry, "key") != "savers":
            values = reader.one(collection, "bytes_list", "BytesList").get("value", [])
            nodes.update(name for span in values for name in loose_texts(reader, span))
    return nodes, assets


def loose_texts(reader: WireReader, span: Span) -> list[str]:
    """Names of nodes that a message of an unknown kind may hold: variables with their initializers."""
    try:
        return [node_name(reader.text(value)) for _, wire, value in reader.fields(span) if wire == LENGTH]
    except WireError:
        return []


def read_asset(reader: WireReader, found: Found) -> tuple[str, str]:
    """The node that the loader gives an asset's path, and the asset's file name."""
    return "".join(tensor_nodes(reader, found, "tensor_info")), reader.only(found, "filename")
