"""Run ONNX models with ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernelError

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import BATCH_WORDS
from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.causes import first_line
from convertkit.errors import ModelFileError, NotMeasuredError
from convertkit.graphs.float32 import half_of, in_float32
from convertkit.graphs.onnx_sizes import check_sizes
from convertkit.graphs.onnx_weights import weights_of
from convertkit.runtimes import TimedCall, counted, wall_timed
from convertkit.sources.onnx_file import stated_size
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob

FATAL_ONLY = 4
CPU_PROVIDER = "CPUExecutionProvider"
RECORD_PLACES = "session.record_ep_graph_assignment_info"
MOST_MOVES = 8
MOVES = frozenset(["Cast", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice"])


class OnnxSession:
    """An ONNX model on one execution provider."""

    compile_ns = 0

    def __init__(self, session: Any, device: str) -> None:
        self.left_on_cpu = () if device == "cpu" else operators_on_cpu(session)
        self._session = session
        self._device = device
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name."""
        return dict(zip(self._outputs, self._session.run(None, inputs, unrecorded()), strict=True))

    def bind(self, inputs: Arrays) -> TimedCall:
        """A timed run through IOBinding: inputs and outputs stay where they are, on the device.

        A first run finds the outputs' shapes; it records no CUDA graph, which is bound to their addresses.
        """
        kind, _, index = self._device.partition(":")
        binding = self._session.io_binding()
        for name, values in inputs.items():
            binding.bind_ortvalue_input(
                name, ort.OrtValue.ortvalue_from_numpy(np.asarray(values, order="C"), kind, int(index or 0))
            )
        for name in self._outputs:
            binding.bind_output(name, kind, int(index or 0))
        self._session.run_with_iobinding(binding, unrecorded())
        for name, value in zip(self._outputs, binding.get_outputs(), strict=True):
            binding.bind_ortvalue_output(name, value)

        def run() -> None:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        return wall_timed(run)


def load(artifact: Artifact, device: str, threads: int) -> OnnxSession:
    """Load an ONNX model."""
    if artifact.in_float32 or artifact.half == "bfloat16":  # for which it has hardly any operators
        return open_session(in_float32(onnx.load(artifact.path)).SerializeToString(), device, threads)
    return open_session(artifact.path, device, threads)


def open_session(
    model: str | bytes, device: str, threads: int, *, is_tf32: bool = False, is_graph: bool = False
) -> OnnxSession:
    """Load an ONNX file, or a model that was serialized.

    A session asked for CUDA falls back to the CPU in silence, so the provider it got is checked.

    Args:
        device: `cpu` or `cuda:N`.
        is_tf32: let float32 products round their operands to 10 bits, as ONNX Runtime does by default.
        is_graph: record a CUDA graph in the first run of a binding, and replay it from then on.

    Raises:
        NotMeasuredError: it fell back.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    provider: Any = CPU_PROVIDER
    if device.startswith("cuda"):
        provider = ("CUDAExecutionProvider", cuda_options(device, is_tf32, is_graph))
        options.add_session_config_entry(RECORD_PLACES, "1")
        ort.preload_dlls()  # CUDA and cuDNN of the wheels that PyTorch brings
    try:
        session = ort.InferenceSession(model, options, providers=[provider])
    except NoKernelError as error:
        raise ModelFileError(
            f"ONNX Runtime cannot run this model: {first_line(error)}",
            hint="it lacks an operator, or one for this type: bfloat16, for example, needs a float32 copy",
        ) from None
    if any(0 in value.shape for value in session.get_inputs()):  # taken by its word
        freed = named_axes(loaded(model)).SerializeToString()
        session = ort.InferenceSession(freed, options, providers=[provider])
    wanted = provider if isinstance(provider, str) else provider[0]
    if session.get_providers()[0] != wanted:
        raise NotMeasuredError(f"ONNX Runtime fell back to {session.get_providers()[0]}")
    session.disable_fallback()  # of single runs
    return OnnxSession(session, device)


def loaded(model: str | bytes) -> onnx.ModelProto:
    """The model of a file, or one that was serialized."""
    return onnx.load(model) if isinstance(model, str) else onnx.load_from_string(model)


def unrecorded() -> Any:
    """Options of a run that records no CUDA graph and replays none."""
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", "-1")
    return options


def cuda_options(device: str, is_tf32: bool, is_graph: bool) -> dict[str, str]:
    """Options of the CUDA provider; `open_session` says which."""
    return {
        "device_id": device.partition(":")[2] or "0",
        "use_tf32": str(int(is_tf32)),
        "enable_cuda_graph": str(int(is_graph)),
    }


def operators_on_cpu(session: Any) -> tuple[str, ...]:
    """Operators of a session that records places, which the CPU has to run, sorted."""
    subgraphs = session.get_provider_graph_assignment_info()
    on_cpu = (part for part in subgraphs if part.ep_name == CPU_PROVIDER)
    return tuple(sorted({node.op_type for part in on_cpu for node in part.get_nodes()}))


def gpu_memory(device: str) -> GpuMemory:
    """Nothing: ONNX Runtime does not tell Python what its arena holds."""
    return GpuMemory()


def describe(job: DescribeJob) -> Described:
    """The signature that the file declares, after ONNX's own checker has passed it."""
    try:
        onnx.checker.check_model(job.path)
        model = onnx.load(job.path, load_external_data=False)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"{job.path} is not a valid ONNX model: {first_line(error)}",
            hint="ONNX's own checker refuses it: export it anew, or mend it where it was written",
        ) from None
    except Exception as error:
        if type(error).__name__ != "DecodeError":  # protobuf's, whose module differs between versions
            raise
        raise ModelFileError(f"{job.path} is not an ONNX model (or is cut short)") from None
    check_sizes(model)
    signature = read_signature(model)
    opsets = ", ".join(f"{item.domain or 'ai.onnx'} {item.version}" for item in model.opset_import)
    operators = counted(Counter(operators_of(model)))
    details = {"opset": opsets, "producer": model.producer_name, "operators": operators}
    limits, half, weights = index_limits(model), half_of(model), weights_of(model)
    return Described(signature, details, external_files(model), limits, half, weights_bytes=weights)


def operators_of(model: onnx.ModelProto) -> Iterator[str]:
    """The operator of every node: of the graph, of branches and bodies within it, and of functions."""
    waiting = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        yield node.op_type
        graphs = [graph for each in node.attribute for graph in (each.g, *each.graphs)]
        waiting += [inner for graph in graphs for inner in graph.node]


def index_limits(model: onnx.ModelProto) -> dict[str, int]:
    """Value → rows of the smallest table that it looks up in, through conversions of its type and shape."""
    sizes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    made_from: dict[str, str] = {}
    limits: dict[str, int] = {}
    for node in model.graph.node:
        if node.op_type in MOVES:
            made_from[node.output[0]] = node.input[0]
        elif node.op_type == "Gather" and sizes.get(node.input[0]):
            table, name = sizes[node.input[0]], node.input[1]
            axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
            for _ in range(MOST_MOVES):
                name = made_from.get(name, name)
            rows = table[axis] if -len(table) <= axis < len(table) else 0
            if rows > 0:
                limits[name] = min(rows, limits.get(name, rows))
    return limits


def external_files(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the files with weights, relative to the model's folder; ONNX's checker has passed them."""
    tensors = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    locations = {entry.value for t in tensors for entry in t.external_data if entry.key == "location"}
    return tuple(sorted(locations))


def named_axes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model itself, every free axis of its inputs and outputs named as `read_signature` names it.

    Inferred shapes go where one stated a size that is none.
    """
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, read_spec(value).shape if dims else (), strict=True):
            if dim.HasField("dim_value") and dim.dim_value <= 0:
                del model.graph.value_info[:]
            if isinstance(size, str):
                dim.dim_param = size
    return model


def read_signature(model: onnx.ModelProto) -> Signature:
    """Inputs (without initializers) and outputs of an ONNX graph; a `dim_param` is a dynamic axis."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(read_spec(value) for value in model.graph.input if value.name not in weights)
    return Signature(inputs, tuple(read_spec(value) for value in model.graph.output))


def read_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    """One input or output.

    Raises:
        ModelFileError: it is not a tensor.
    """
    if not value.type.HasField("tensor_type"):
        raise ModelFileError(f"'{value.name}' is not a tensor; sequences, maps and optionals have no route")
    tensor = value.type.tensor_type
    stated = [stated_size(dim) for dim in tensor.shape.dim]
    has_batch = any(str(size).lower() in BATCH_WORDS for size in stated)
    dims: list[Dim] = []
    for axis, size in enumerate(stated):
        dims.append(size or ("batch" if axis == 0 and not has_batch else f"{value.name}_{axis}"))
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    return TensorSpec(value.name, "float32" if dtype == "bfloat16" else dtype, tuple(dims))
