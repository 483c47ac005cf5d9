"""The only names a pickle may import and still be called data.

They are those of torch's own `weights_only` loader: functions that rebuild tensors, storages, dtypes, and
plain containers. Each is harmless with any arguments, also when a pickle is loaded without `weights_only`
(torch.export.load falls back to that for sample inputs).
"""

from __future__ import annotations

from convertkit.sources.wording import words

KINDS = words("BFloat16 Bool Byte Char Double Float Half Int Long Short")
SPARSE_KINDS = words("BFloat16 Byte Char Double Float Half Int Long Short")
OTHER_STORAGES = words("ComplexDouble ComplexFloat QInt32 QInt8 QUInt2x4 QUInt4x2 QUInt8")
DTYPES = words("""
    bfloat16 bits16 bits1x8 bits2x4 bits4x2 bits8 bool complex128 complex32 complex64 float16 float32
    float4_e2m1fn_x2 float64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu
    int1 int16 int2 int3 int32 int4 int5 int6 int64 int7 int8 qint32 qint8 quint2x4 quint4x2 quint8
    uint1 uint16 uint2 uint3 uint32 uint4 uint5 uint6 uint64 uint7 uint8
    per_channel_affine per_channel_affine_float_qparams per_channel_symmetric
    per_tensor_affine per_tensor_symmetric
""")
REBUILD_FUNCTIONS = frozenset(
    "torch._utils._rebuild_" + name
    for name in words("""
        device_tensor_from_cpu_tensor device_tensor_from_numpy meta_tensor_no_storage nested_tensor parameter
        parameter_with_state qtensor sparse_tensor tensor tensor_v2 tensor_v3 wrapper_subclass
    """)
) | {"torch._tensor._rebuild_from_type_v2"}
CONTAINERS = frozenset(
    {
        "_codecs.encode",  # how protocol 2 writes bytes; only with a known encoding (ENCODINGS)
        "builtins.bytearray",
        "builtins.complex",
        "builtins.set",
        "collections.Counter",
        "collections.OrderedDict",
    }
)
ENCODINGS = ("latin1", "latin-1", "utf-8", "utf8", "ascii")

TENSOR_NAMES = (
    REBUILD_FUNCTIONS
    | CONTAINERS
    | {f"torch.{name}" for name in DTYPES}
    | {f"torch.{kind}{what}" for kind in KINDS for what in ("Storage", "Tensor")}
    | {f"torch.cuda.{kind}{what}" for kind in KINDS for what in ("Storage", "Tensor")}
    | {f"torch.{kind}Storage" for kind in OTHER_STORAGES}
    | {f"torch.cuda.{kind}Storage" for kind in ("ComplexDouble", "ComplexFloat")}
    | {f"torch.{where}sparse.{kind}Tensor" for where in ("", "cuda.") for kind in SPARSE_KINDS}
    | {"torch.Size", "torch.Tensor", "torch.device", "torch.nn.parameter.Parameter"}
    | {"torch.serialization._get_layout"}
    | {"torch.storage.TypedStorage", "torch.storage.UntypedStorage"}
)
SCRIPT_NAMES = TENSOR_NAMES | {
    f"torch.jit._pickle.{name}"
    for name in words("""
        build_boollist build_doublelist build_intlist build_tensor_from_id build_tensorlist
        restore_type_tag
    """)
}
PYTHON_2_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
