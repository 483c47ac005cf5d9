"""The parts of TFLite's schema that delegates go by: operators and types by number, options by field.

Source: `schema.fbs` of TFLite, version 3; a test holds it beside the schema that ships with TensorFlow.
"""

from __future__ import annotations

import msgspec


def names(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


OPERATORS = names(
    """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE
BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL
LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT
RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK
ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
STABLEHLO_CASE
"""
)
CUSTOM = OPERATORS.index("CUSTOM")
TYPES = names(
    """
float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource
variant uint32 uint16 int4 bfloat16 int2 uint4
"""
)


class Option(msgspec.Struct, frozen=True):
    """A field of an operator's options.

    Attributes:
        field: its number in the table of options.
        form: `byte`, `integer` (32 bits) or `real` (32 bits).
    """

    name: str
    field: int
    form: str = "integer"
    default: float = 0


PADDING = Option("padding", 0, "byte")
STRIDES = (Option("stride_w", 1), Option("stride_h", 2))
ACTIVATION = Option("activation", 0, "byte")
REDUCER = (Option("keep_dims", 0, "byte"),)
BLOCK = (Option("block_size", 0),)
POOL = (
    PADDING,
    *STRIDES,
    Option("filter_w", 3),
    Option("filter_h", 4),
    Option("activation", 5, "byte"),
)

OPTIONS: dict[str, tuple[Option, ...]] = {
    "ADD": (ACTIVATION,),
    "AVERAGE_POOL_2D": POOL,
    "BATCH_MATMUL": (Option("adj_x", 0, "byte"), Option("adj_y", 1, "byte")),
    "CONCATENATION": (Option("axis", 0), Option("activation", 1, "byte")),
    "CONV_2D": (
        PADDING,
        *STRIDES,
        Option("activation", 3, "byte"),
        Option("dilation_w", 4, default=1),
        Option("dilation_h", 5, default=1),
    ),
    "DEPTH_TO_SPACE": BLOCK,
    "DEPTHWISE_CONV_2D": (
        PADDING,
        *STRIDES,
        Option("depth_multiplier", 3),
        Option("activation", 4, "byte"),
        Option("dilation_w", 5, default=1),
        Option("dilation_h", 6, default=1),
    ),
    "DIV": (ACTIVATION,),
    "FULLY_CONNECTED": (
        ACTIVATION,
        Option("weights_format", 1, "byte"),
        Option("keep_num_dims", 2, "byte"),
    ),
    "IF": (Option("then_graph", 0), Option("else_graph", 1)),
    "L2_NORMALIZATION": (ACTIVATION,),
    "LEAKY_RELU": (Option("alpha", 0, "real"),),
    "LSTM": (
        ACTIVATION,
        Option("cell_clip", 1, "real"),
        Option("proj_clip", 2, "real"),
        Option("kernel_type", 3, "byte"),
    ),
    "MAX_POOL_2D": POOL,
    "MIRROR_PAD": (Option("mode", 0, "byte"),),
    "MUL": (ACTIVATION,),
    "ONE_HOT": (Option("axis", 0),),
    "PACK": (Option("values_count", 0), Option("axis", 1)),
    "RESIZE_BILINEAR": (Option("align_corners", 2, "byte"), Option("half_pixel_centers", 3, "byte")),
    "SOFTMAX": (Option("beta", 0, "real"),),
    "SPACE_TO_DEPTH": BLOCK,
    "SPLIT": (Option("num_splits", 0),),
    "STRIDED_SLICE": (
        Option("begin_mask", 0),
        Option("end_mask", 1),
        Option("ellipsis_mask", 2),
        Option("new_axis_mask", 3),
        Option("shrink_axis_mask", 4),
        Option("offset", 5, "byte"),
    ),
    "SUB": (ACTIVATION,),
    "TRANSPOSE_CONV": (PADDING, *STRIDES, Option("activation", 3, "byte")),
    "WHILE": (Option("cond_graph", 0), Option("body_graph", 1)),
    **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"), REDUCER),
}
