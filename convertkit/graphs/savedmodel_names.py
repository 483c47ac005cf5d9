"""Names of the functions in a SavedModel, numbered from 0. Runs in a worker.

TensorFlow numbers functions and the tensors that they capture over the life of a process, so that the same
model would be other bytes in a worker that traced something before.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

FILE = "saved_model.pb"
CAPTURE = "_user_specified_name"
NUMBERED = re.compile(r"^(__(?:inference|forward|backward)_.*_)(\d+)$")


def number_functions(folder: Path) -> None:
    """Rename the functions of a SavedModel in the order in which they were traced."""
    file = folder / FILE
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        library = graph.graph_def.library.function
        names = new_names(function.signature.name for function in library)
        rename(graph, names)
        for function in library:
            forget_captures(function)
        functions = sorted(library, key=lambda function: str(function.signature.name))
        del library[:]
        library.extend(functions)
    file.write_bytes(model.SerializeToString(deterministic=True))


def forget_captures(function: Any) -> None:
    """Remove the names of captured tensors, which are nothing but numbers."""
    for argument in function.arg_attr.values():
        if CAPTURE in argument.attr and argument.attr[CAPTURE].s.isdigit():
            del argument.attr[CAPTURE]


def new_names(names: Any) -> dict[str, str]:
    """What each numbered name becomes, the number that came first 0."""
    found = [(int(match[2]), name, match[1]) for name in names if (match := NUMBERED.match(name))]
    return {name: f"{start}{place}" for place, (_, name, start) in enumerate(sorted(found))}


def rename(message: Any, names: dict[str, str]) -> None:
    """Replace the names wherever a string of the message is one of them, map keys too."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            rename_map(field, value, names)
        elif field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                rename(one, names)
        elif field.type == field.TYPE_STRING and not field.is_repeated:
            if value in names:
                setattr(message, field.name, names[value])
        elif field.type == field.TYPE_STRING:
            value[:] = [names.get(one, one) for one in value]


def rename_map(field: Any, entries: Any, names: dict[str, str]) -> None:
    """The same for a map: its values and its keys, which may change places with one another."""
    has_messages = field.message_type.fields_by_name["value"].message_type is not None
    before = {key: entries[key] for key in entries}
    for key, value in before.items():
        if has_messages:
            rename(value, names)
        elif value in names:
            entries[key] = names[value]
    moved = {key: type(entries[key])() if has_messages else entries[key] for key in entries if key in names}
    for key, value in moved.items():
        if has_messages:
            value.CopyFrom(entries[key])
    for key in moved:
        del entries[key]
    for key, value in moved.items():
        if has_messages:
            entries[names[key]].CopyFrom(value)
        else:
            entries[names[key]] = value
