"""Write convertkit/sources/operators.txt: which of torch's operators a model file may use.

Run with torch installed: python scripts/list_torch_operators.py
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed

from convertkit.sources.wording import words

TARGET = Path(__file__).parents[1] / "convertkit" / "sources" / "operators.txt"
HEADER = f"""\
# Operators that a model file may use (+) or may not (-), from the schemas that torch {torch.__version__}
# registers. Written by scripts/list_torch_operators.py, which says what is left out and why; do not edit.
"""

# They write or map files, take over memory, or reach streams and devices.
REFUSED = {"aten": {"save", "from_file", "set_", "set_data", "record_stream"}, "prims": {"resize"}}
# Operators whose names begin with an underscore are internal, and often check nothing. These are written into
# traced and scripted models by torch itself.
PRIVATE = words("""
    __and__ __contains__ __derive_index __getitem__ __iand__ __ilshift__ __interpolate __ior__ __irshift__
    __is__ __isnot__ __ixor__ __lshift__ __not__ __or__ __range_length __round_to_zero_floordiv __rshift__
    __upsample __upsample_bilinear __upsample_nearest __xor__ _adaptive_avg_pool2d _adaptive_avg_pool3d
    _add_relu _add_relu_ _addmm_activation _aminmax _assert_async _assert_scalar _assert_tensor_metadata
    _autocast_to_full_precision _autocast_to_reduced_precision _batch_norm_impl_index
    _batch_norm_no_update _cast_Byte _cast_Char _cast_Double _cast_Float _cast_Half _cast_Int _cast_Long
    _cast_Short _cdist_forward _conj _convolution _convolution_mode _dim_arange _euclidean_dist
    _functional_assert_async _functional_assert_scalar _functional_sym_constrain_range
    _functional_sym_constrain_range_for_size _fused_rms_norm _get_tracing_state _infer_size _is_all_true
    _is_any_true _linalg_check_errors _linalg_det _linalg_eigh _linalg_slogdet _linalg_solve_ex _linalg_svd
    _list_to_tensor _local_scalar_dense _log_softmax _logcumsumexp _masked_softmax
    _native_batch_norm_legit _native_batch_norm_legit_functional _native_batch_norm_legit_no_training
    _native_multi_head_attention _ncf_unsqueeze _ncf_view _neg_view _nested_from_padded
    _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned _no_grad_embedding_renorm_ _no_grad_fill_
    _no_grad_normal_ _no_grad_uniform_ _no_grad_zero_ _pack_padded_sequence _pad_circular _pad_enum
    _pad_packed_sequence _prelu_kernel _safe_softmax _scaled_dot_product_attention_math
    _scaled_dot_product_flash_attention_for_cpu _set_item _shape_as_tensor _size_if_not_equal _softmax
    _stack _tensor_to_list _thnn_fused_gru_cell _thnn_fused_lstm_cell _to_copy _to_cpu
    _transformer_encoder_layer_fwd _trilinear _unique _unique2 _unsafe_index _unsafe_view
    _unwrap_optional _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_lanczos2d_aa
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    _weight_norm _weight_norm_interface
    """)
# Of prim, only properties, conversions, and what control flow is printed as; the rest runs Python, remote
# calls or compiled groups.
PRIM = words("""
    EnumName EnumValue ModuleContainerIndex NumToTensor Print RaiseException StringIndex TupleIndex
    TupleUnpack Uninitialized abs data device dtype grad id index is_cpu is_cuda is_ipu is_maia
    is_meta is_mkldnn is_mps is_mtia is_nested is_quantized is_sparse is_sparse_csr is_vulkan is_xla
    is_xpu itemsize layout max min name nbytes rangelist requires_grad tolist type unchecked_cast
    unchecked_unwrap_optional
""")


def is_allowed(namespace: str, name: str) -> bool:
    """Whether a model file may use the operator."""
    if namespace == "prim":
        return name in PRIM
    if name in REFUSED.get(namespace, ()):
        return False
    return not name.startswith("_") or (namespace == "aten" and name in PRIVATE)


def main() -> None:
    """Write the list."""
    names = {tuple(schema.name.split("::")) for schema in torch._C._jit_get_all_schemas()}
    lines = []
    for namespace, name in sorted(names):
        if namespace in ("aten", "prim", "prims", "quantized_decomposed"):
            lines.append(f"{'+' if is_allowed(namespace, name) else '-'} {namespace}.{name}")
    TARGET.write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
