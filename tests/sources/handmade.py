"""Model files made from bytes, without torch: plain ones, and the parts of hostile ones."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

CODE = "__import__('os').system('false')"


def zip_bytes(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def text(value: str) -> bytes:
    """The opcode BINUNICODE."""
    return b"X" + struct.pack("<I", len(value)) + value.encode()


TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n(("
    + text("storage")
    + b"ctorch\nFloatStorage\n"
    + text("0")
    + text("cpu")
    + b"K\x06tQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
)  # float32[2,3]


def dict_pickle(value: bytes, key: str = "weight") -> bytes:
    """A pickle of a dict with one entry, whose value is built by these opcodes."""
    return b"\x80\x02}" + text(key) + value + b"s."


STATE_DICT = dict_pickle(TENSOR)
NESTED = dict_pickle(b"}" + text("a") + TENSOR + b"s", key="model")


def torch_zip(data: bytes = STATE_DICT, more: Mapping[str, bytes] | None = None) -> bytes:
    """What torch.save writes, with this data.pkl."""
    members = {"m/data.pkl": data, "m/byteorder": b"little", "m/data/0": bytes(24), "m/version": b"3\n"}
    return zip_bytes({**members, **(more or {})})


class Evil:
    """Pickles to a call of os.system."""

    def __reduce__(self) -> Any:
        import os

        return os.system, ("false",)


EVIL = {
    "reduce": b"cposix\nsystem\n" + text("false") + b"\x85R",
    "stack-global": text("posix") + text("system") + b"\x93" + text("false") + b"\x85R",
    "stack-global-memo": text("posix") + b"q\x000" + text("system") + b"q\x010h\x00h\x01\x93)R",
    "stack-global-computed": b"cbuiltins\nset\n)R" + text("system") + b"\x93)R",
    "inst": b"(" + text("false") + b"iposix\nsystem\n",
    "obj": b"(cposix\nsystem\n" + text("false") + b"o",
    "newobj": b"cposix\nsystem\n)\x81",
    "newobj-ex": b"cposix\nsystem\n)}\x92",
    "build": b"cfoo\nBar\n)\x81}b",
    "ext1": b"\x82\x01",
    "ext2": b"\x83\x01\x00",
    "ext4": b"\x84\x01\x00\x00\x00",
    "getattr": b"cbuiltins\ngetattr\n(ctorch\nTensor\n" + text("__class__") + b"tR",
    "call-of-call": b"ccollections\nOrderedDict\n)R)R",
    "codec": b"c_codecs\nencode\n(" + text("a") + text("rot13") + b"tR",
    "nested-deep": b"]]]" + b"cposix\nsystem\n" + text("false") + b"\x85Raaa",
    "cpickle-module": b"cos\nsystem\n" + text("false") + b"\x85R",
    "space-in-name": b"cos system\nx\n)R",
    "dropped": b"cposix\nsystem\n" + text("false") + b"\x85R0N",
    "before-damage": b"cposix\nsystem\n" + text("false") + b"\x85R\xff",
    "persid": b"Pxyz\n",
}


def symbol(name: str = "s77") -> dict[str, Any]:
    return {"as_expr": {"expr_str": f"Symbol('{name}', positive=True, integer=True)", "hint": {"as_int": 4}}}


def meta(*sizes: Any) -> dict[str, Any]:
    dims = [{"as_int": size} if isinstance(size, int) else size for size in sizes]
    ones = [{"as_int": 1} for _ in sizes]
    return {"dtype": 7, "sizes": dims, "requires_grad": False, "device": {"type": "cpu", "index": None},
            "strides": ones, "storage_offset": {"as_int": 0}, "layout": 7}  # fmt: skip


def program() -> dict[str, Any]:
    """The JSON of `{"y": relu(x @ w)}` as torch.export.save writes it."""

    def tensor(name: str) -> dict[str, Any]:
        return {"as_tensor": {"name": name}}

    def node(target: str, output: str, *inputs: str) -> dict[str, Any]:
        named = [{"name": "self", "arg": tensor(name), "kind": 1} for name in inputs]
        return {"target": target, "inputs": named, "outputs": [tensor(output)],
                "metadata": {"stack_trace": 'File "m.py"'}, "is_hop_single_tensor_return": None,
                "name": output}  # fmt: skip

    leaf = {"type": None, "context": None, "children_spec": []}
    tree = json.dumps([1, {"type": "builtins.dict", "context": '["y"]', "children_spec": [leaf]}])
    graph = {
        "inputs": [tensor("p_w"), tensor("x")],
        "outputs": [tensor("relu")],
        "nodes": [
            node("torch.ops.aten.linear.default", "linear", "x", "p_w"),
            node("torch.ops.aten.relu.default", "relu", "linear"),
        ],
        "tensor_values": {
            "p_w": meta(2, 3),
            "x": meta(symbol(), 3),
            "linear": meta(symbol(), 2),
            "relu": meta(symbol(), 2),
        },
        "sym_int_values": {"sym_size": symbol()},
        "sym_bool_values": {},
        "sym_float_values": {},
        "custom_obj_values": {},
        "is_single_tensor_return": False,
    }
    call = {"inputs": [], "outputs": [], "in_spec": tree, "out_spec": tree, "forward_arg_names": ["x"]}
    return {
        "graph_module": {
            "graph": graph,
            "signature": {
                "input_specs": [
                    {"parameter": {"arg": {"name": "p_w"}, "parameter_name": "layer.weight"}},
                    {"user_input": {"arg": tensor("x")}},
                ],
                "output_specs": [{"user_output": {"arg": tensor("relu")}}],
            },
            "module_call_graph": [{"fqn": "", "signature": call}, {"fqn": "layer", "signature": None}],
            "metadata": {},
            "treespec_namedtuple_fields": {},
        },
        "opset_version": {"aten": 10},
        "range_constraints": {"s77": {"min_val": 2, "max_val": 64}},
        "schema_version": {"major": 8, "minor": 20},
        "verifiers": ["TRAINING"],
        "torch_version": "2.13.0",
        "guards_code": ["L['x'].size()[0] <= 64"],
    }


def weights() -> dict[str, Any]:
    payload = {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": meta(2, 3)}
    return {"config": {"layer.weight": payload}}


def pt2(document: Any = None, config: Any = None, samples: bytes | None = None, **more: bytes) -> bytes:
    """What torch.export.save writes, with these parts."""
    samples = torch_zip() if samples is None else samples
    if not isinstance(document, bytes):
        document = json.dumps(program() if document is None else document).encode()
    members = {
        "m/archive_format": b"pt2",
        "m/archive_version": b"0",
        "m/byteorder": b"little",
        "m/models/model.json": document,
        "m/data/weights/weight_0": bytes(24),
        "m/data/weights/model_weights_config.json": json.dumps(config or weights()).encode(),
        "m/data/constants/model_constants_config.json": b'{"config": {}}',
        "m/data/sample_inputs/model.pt": samples,
    }
    return zip_bytes({**members, **{"m/" + name.replace("__", "/"): value for name, value in more.items()}})


SCRIPT = """\
class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  def forward(self: __torch__.Net,
    image: Tensor,
    mask: Optional[Tensor]=None) -> Tensor:
    weight = self.weight
    x = torch.relu(torch.matmul(image, weight))
    if torch.__isnot__(mask, None):
      y = torch.mul(x, unchecked_cast(Tensor, mask))
    else:
      y = (self).helper(x, )
    return ops.prim.data(y)
  def helper(self: __torch__.Net,
    x: Tensor) -> Tensor:
    return torch.add(x, 1)
"""
SCRIPT_DATA = (
    b"\x80\x02c__torch__\nNet\nq\x00)\x81}(" + text("weight") + TENSOR + text("training") + b"\x89ub."
)


def script(code: str = SCRIPT, data: bytes = SCRIPT_DATA, **more: bytes) -> bytes:
    """What torch.jit.save writes, with this code."""
    members = {"m/data.pkl": data, "m/code/__torch__.py": code.encode(), "m/constants.pkl": b"\x80\x02).",
               "m/version": b"3\n", "m/data/0": bytes(24)}  # fmt: skip
    return zip_bytes({**members, **{f"m/{name}": value for name, value in more.items()}})


def safetensors(header: Any = None, data: bytes = bytes(24)) -> bytes:
    """A safetensors file with this header."""
    if header is None:
        header = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def legacy(data: bytes = STATE_DICT) -> bytes:
    """What torch.save wrote before version 1.6."""
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    rest = pickle.dumps(["0"], 2) + struct.pack("<q", 6) + bytes(24)
    return magic + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + data + rest


# The least that is a model: a table of a model, whose third field leads to one subgraph without anything.
TFLITE = (
    struct.pack("<I4s", 20, b"TFL3")
    + struct.pack("<HHHHHxx", 10, 8, 0, 0, 4)
    + struct.pack("<iI", 12, 4)
    + struct.pack("<II", 1, 8)
    + struct.pack("<HHi", 4, 4, 4)
)
ONNX = b"\x08\x0a\x12\x07pytorch:\x05"
