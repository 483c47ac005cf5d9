"""The rules that the JSON of an exported program is held to, field by field.

torch's loader (torch/_export/serde/serialize.py, 2.13) trusts this JSON in more ways than one:

* `expr_str` is parsed by sympy, which is `eval`; `guards_code` is run by `exec` when the program is unlifted.
* `target` and `as_operator` are looked up attribute by attribute from `torch`: `torch.os.system` resolves.
* Names of nodes, inputs, arguments, parameters and submodules are pasted into the source of `forward`,
  which is compiled and run: a name that is no identifier is code.
* `in_spec` and `out_spec`: an enum in a context, and the factory of a defaultdict, import any module by name.
* `custom_obj` and `use_pickle` lead to unpickling.

The loader does not check types, so every piece of text must stand in a field where text is expected and pass
that field's rule; fields this page does not name are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from convertkit.sources.expressions import DOTTED_WORDS, SYMBOL, WORD, is_safe_guard, is_safe_size
from convertkit.sources.operators import is_allowed_target
from convertkit.sources.wording import listed, quoted, words

MAX_VALUES = 20_000_000
PAYLOAD = re.compile(r"(weight|tensor)_\d+")
DEVICES = {"cpu", "cuda", "meta", "mps", "xpu"}
VERIFIERS = {"", "ATEN", "TRAINING", "EDGE"}
TREE_TYPES = {
    "builtins.tuple",
    "builtins.list",
    "builtins.dict",
    "collections.OrderedDict",
    "torch.fx.immutable_collections.immutable_list",
    "torch.fx.immutable_collections.immutable_dict",
}
# Its outputs are dataclasses that it registers itself; the loader only looks their names up.
TRANSFORMERS_TYPE = re.compile(r"transformers(\.\w+)+", re.ASCII)
SOURCE_FUNCTION = re.compile(r"[\w.]*,[\w.<> ']*", re.ASCII)


def is_word(text: str) -> bool:
    """An identifier, or nothing."""
    return text == "" or bool(WORD.fullmatch(text))


def is_dotted(text: str) -> bool:
    """Words, dots, and other signs that are safe inside quotes."""
    return bool(DOTTED_WORDS.fullmatch(text))


def is_anything(_: str) -> bool:
    """Text that is only ever kept, shown, or written by `repr`."""
    return True


def is_tree(text: str) -> bool:
    """A pytree of tuples, lists and dicts with plain keys."""
    try:
        version, tree = json.loads(text)
        return version == 1 and all(map(is_tree_node, tree_nodes(tree)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def tree_nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """A pytree's nodes, its root first."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node["children_spec"]


def is_tree_node(node: dict[str, Any]) -> bool:
    """A leaf, or a container of a listed type whose context is null or a list of plain keys."""
    if node["type"] is None:
        return node["context"] is None and node["children_spec"] == []
    context = json.loads(node["context"]) if isinstance(node["context"], str) else node["context"]
    keys = [] if context is None else context
    is_known = node["type"] in TREE_TYPES or TRANSFORMERS_TYPE.fullmatch(node["type"])
    if not is_known or not isinstance(keys, list):
        return False
    return all(type(key) is int or (isinstance(key, str) and is_dotted(key)) for key in keys)


def is_source_stack(text: str) -> bool:
    """`name,function;name,function`: the functions are looked up, though not called."""
    return all(SOURCE_FUNCTION.fullmatch(part) for part in text.split(";"))


Rule = tuple[Callable[[str], object], str]
NAME: Rule = (is_word, "a name that is no identifier, and would be run as code")
PATH: Rule = (is_dotted, "a parameter or module name that could be run as code")
INFINITE: Rule = ({"Infinity", "-Infinity", "NaN"}.__contains__, "a number that is none")
KEPT: Rule = (is_anything, "")
TEXT_RULES: dict[str, Rule] = {
    **dict.fromkeys(words("name as_name user_input_name forward_arg_names field_names"), NAME),
    **dict.fromkeys(words("parameter_name buffer_name tensor_constant_name fqn"), PATH),
    **dict.fromkeys(words("as_string as_strings torch_version"), KEPT),
    **dict.fromkeys(words("stack_trace nn_module_stack torch_fn from_node custom"), KEPT),
    "source_fn_stack": (is_source_stack, "a function it was not traced from"),
    "target": (is_allowed_target, "an operator that is not torch's own, or may do more than compute"),
    "as_operator": (is_allowed_target, "an operator that is not torch's own, or may do more than compute"),
    "expr_str": (is_safe_size, "a symbolic size that could be run as code"),
    "guards_code": (is_safe_guard, "a guard that could be run as code"),
    "in_spec": (is_tree, "inputs of a type of its own"),
    "out_spec": (is_tree, "outputs of a type of its own"),
    "type": (DEVICES.__contains__, "an unknown device"),
    "verifiers": (VERIFIERS.__contains__, "an unknown dialect"),
    "path_name": (PAYLOAD.fullmatch, "a payload that is no tensor"),
    **dict.fromkeys(words("as_float as_floats as_float_lists real imag"), INFINITE),
}  # fmt: skip
# Fields whose value is an object with keys of the file's own, and the rule for those keys.
KEY_RULES: dict[str, Rule] = {
    **dict.fromkeys(words("tensor_values sym_int_values sym_bool_values sym_float_values"), NAME),
    "as_string_to_argument": NAME,
    "opset_version": NAME,
    "treespec_namedtuple_fields": (is_dotted, "a named tuple that is no name"),
    "range_constraints": (SYMBOL.fullmatch, "a range of something that is no symbol"),
    "config": PATH,
}  # fmt: skip
FIELDS = (
    set(TEXT_RULES)
    | set(KEY_RULES)
    | words("""
        graph_module graph inputs outputs nodes is_single_tensor_return signature input_specs output_specs
        module_call_graph schema_version major minor min_val max_val metadata arg kind hint as_expr
        is_hop_single_tensor_return dtype sizes requires_grad device strides storage_offset layout index
        user_input parameter buffer tensor_constant constant_input value persistent token user_output
        loss_output buffer_mutation parameter_mutation gradient_to_parameter gradient_to_user_input
        user_input_mutation is_param tensor_meta real imag
        as_none as_tensor as_tensors as_int as_ints as_floats as_sym_int as_sym_ints as_scalar_type
        as_memory_format as_layout as_device as_bool as_bools as_sym_bool as_sym_bools as_graph
        as_optional_tensors as_optional_tensor as_sym_float as_sym_floats as_complex as_nested_tensors
        as_int_lists as_float_lists
        """)
)
# Fields that may be there as long as they are empty or false.
EMPTY_FIELDS = {
    "use_pickle": "a tensor stored as a pickle",
    "custom_obj_values": "an object of a class of its own",
    "as_custom_obj": "an object of a class of its own",
    "custom_obj": "an object of a class of its own",
}


def refusals_of(document: Any) -> tuple[str, ...]:
    """Reasons why torch's loader would run code from this JSON, each with examples; () where it would not."""
    found: dict[str, list[str]] = {}
    for count, (reason, example) in enumerate(breaches(document)):
        if count < 1000:
            found.setdefault(reason, []).append(example)
    return tuple(f"{reason}: {listed(examples)}" for reason, examples in found.items())


def breaches(document: Any) -> Iterator[tuple[str, str]]:
    """Every breach of a rule: the reason, and the text that breaks it."""
    waiting: list[tuple[str, Any]] = [("", document)]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        field, value = waiting.pop()
        if isinstance(value, dict):
            yield from key_breaches(field, value)
            own_keys = field in KEY_RULES
            waiting += [("" if own_keys else key, child) for key, child in value.items()]
        elif isinstance(value, list):
            waiting += [(field, child) for child in value]
        elif isinstance(value, str):
            yield from text_breaches(field, value)
    yield "it is too large to be checked", "…"


def key_breaches(field: str, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Breaches in the keys of one object."""
    for key, child in value.items():
        if field in KEY_RULES:
            rule, reason = KEY_RULES[field]
            if not rule(key):
                yield reason, key
        elif key in EMPTY_FIELDS:
            if child:
                yield EMPTY_FIELDS[key], key
        elif key not in FIELDS:
            yield "a field that this check does not know", key


def text_breaches(field: str, text: str) -> Iterator[tuple[str, str]]:
    """Breaches in one piece of text."""
    if field not in TEXT_RULES:
        yield f"text where there should be none, in {quoted(field)}", text
        return
    rule, reason = TEXT_RULES[field]
    if not rule(text):
        yield reason, text
