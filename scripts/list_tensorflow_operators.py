"""Write convertkit/sources/tensorflow_operators.txt: which of TensorFlow's operators a SavedModel may use.

Run with TensorFlow installed: python scripts/list_tensorflow_operators.py

Allowed is what computes on tensors, variables and tables in memory. What is left out, though the registry may
call it stateless: whatever takes a path or an address, as an input or an attribute (ImmutableConst maps a
file, FixedUnigramCandidateSampler and Skipgram read a vocabulary, DecodeProtoV2 a descriptor, Copy and Debug*
write to a URL), Python functions, other processes and devices, datasets, iterators, readers, queues,
summaries, programs that are not read here (XlaCallModule, MlirPassthroughOp), what TensorFlow's tests use.
"""

from __future__ import annotations

import re
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

TARGET = Path(__file__).parents[1] / "convertkit" / "sources" / "tensorflow_operators.txt"
HEADER = f"""\
# Operators that a SavedModel may use (+) or may not (-), of those that TensorFlow {tf.__version__} registers.
# Written by scripts/list_tensorflow_operators.py, which says what is left out and why; do not edit.
"""

# Regular expressions for whole names, by family.
ALLOWED = """
    Const FakeParam HostConst Placeholder(V2|WithDefault)? IdentityN? NoOp ControlTrigger Snapshot DeepCopy
    StopGradient PreventGradient EnsureShape GuaranteeConst ShapeN? Size Rank Fill ZerosLike OnesLike Empty
    Range LinSpace Cast Bitcast Where CompositeTensorVariant(From|To)Components DeviceIndex

    (Stateless)?(If|Case|While) (Stateful)?PartitionedCall
    (Ref)?(Switch|Merge|Enter|Exit|NextIteration|Select)
    LoopCond RefIdentity Assert Print(V2)? CheckNumerics(V2)? Timestamp

    Variable(V2)? VarHandleOp VarIsInitializedOp VariableShape ReadVariableOp DisableCopyOnRead
    Assign(Add|Sub)?(VariableOp)? IsVariableInitialized DestroyResourceOp CountUpTo ResourceCountUpTo
    Resource(Gather(Nd)?|Scatter(Nd)?(Add|Sub|Mul|Div|Max|Min|Update)|StridedSliceAssign)
    Scatter(Nd)?(Add|Sub|Mul|Div|Max|Min|Update) ScatterNdNonAliasingAdd StridedSliceAssign
    Inplace(Add|Sub|Update) (Destroy)?TemporaryVariable
    (Resource)?(Sparse)?Apply(Ada.*|AddSign|Ftrl.*|(Proximal)?GradientDescent|(Keras)?Momentum|PowerSign)
    (Resource)?(Sparse)?Apply(ProximalAdagrad|(Centered)?RMSProp)

    (Anonymous)?(Mutable)?(Dense)?HashTable(OfTensors)?(V2)? InitializeTable(V2)?
    LookupTable(Export|Find|Import|Insert|Remove|Size)(V2)? (Make)?Unique(V2|WithCounts(V2)?)?
    TensorArray(V3|Grad(V3|WithShape)|(Close|Concat|Gather|Read|Scatter|Size|Split|Write)V3)
    (Empty)?Tensor(List|Map).* Stack(Close|Pop|Push)?V2 Optional(FromValue|GetValue|HasValue|None)

    Abs AccumulateNV2 (Cos|Sin|Tan|Acos|Asin|Atan)h? Atan2 Add(N|V2)? Sub Mul(NoNan)? Div(NoNan)? RealDiv
    FloorDiv FloorMod Mod TruncateDiv TruncateMod Neg Inv(Grad)? Reciprocal(Grad)? Sqrt(Grad)? Rsqrt(Grad)?
    Square SquaredDifference Pow Exp Expm1 Log Log1p Xdivy Xlog1py Xlogy Sign Ceil Floor Rint Round
    Maximum Minimum ClipByValue Erf Erfc Erfinv Ndtri Lgamma Digamma Polygamma Zeta Betainc Igamma(c|GradA)?
    Expint Dawsn Spence Fresnel(Cos|Sin) Bessel.* IsFinite IsInf IsNan NextAfter ApproximateEqual
    Equal NotEqual Greater(Equal)? Less(Equal)? Logical(And|Not|Or) Bitwise(And|Or|Xor) Invert LeftShift
    RightShift PopulationCount Complex(Abs)? Conj Real Imag Angle SelectV2
    ToBool Cum(prod|sum|ulativeLogsumexp)
    Sum Prod Mean Max Min All Any EuclideanNorm ReduceJoin L2Loss Arg(Max|Min)
    (Approx)?TopK(V2)? TopK(With)?Unique InTopK(V2)? KthOrderStatistic NthElement (Lower|Upper)Bound Bucketize
    (Dense|Ragged|Sparse)?Bincount (Dense|Sparse|Ragged)CountSparseOutput HistogramFixedWidth
    (Unsorted)?Segment(Join|Max|Mean|Min|Prod|Sum)(V2)? SparseSegment.* Cross ListDiff IsotonicRegression

    Reshape Squeeze ExpandDims Transpose ConjugateTranspose Concat(V2|Offset)? Split(V)? Pack Unpack
    Parallel(Concat|DynamicStitch) Dynamic(Partition|Stitch) Slice StridedSlice(Grad)? Tile(Grad)?
    BroadcastTo BroadcastArgs BroadcastGradientArgs Pad(V2)? MirrorPad(Grad)? Reverse(V2|Sequence)? Roll
    Gather(V2|Nd)? ScatterNd Tensor(Scatter(Add|Max|Min|Sub|Update)|StridedSliceUpdate) OneHot
    InvertPermutation UnravelIndex SpaceToBatch(ND)? BatchToSpace(ND)? SpaceToDepth
    DepthToSpace DataFormat(DimMap|VecPermute) (Batch)?Matrix(BandPart|(Set)?Diag(V2|V3)?|DiagPart(V2|V3)?)
    Diag(Part)?

    MatMul BatchMatMul(V2|V3)? Einsum SparseMatMul
    (Batch)?Matrix(Determinant|Exponential|Inverse|Logarithm|SquareRoot)
    (Batch)?Matrix(Solve(Ls)?|TriangularSolve) (Batch)?Cholesky(Grad)? (Batch)?SelfAdjointEig(V2)? Eig
    (Batch)?Svd Qr Lu LogMatrixDeterminant BandedTriangularSolve Tridiagonal(MatMul|Solve)
    (Batch)?I?R?FFT(2D|3D|ND)?

    BiasAdd(V1|Grad)? (Leaky)?Relu6?(Grad)? (Elu|Selu|Sigmoid|Softplus|Softsign|Tanh)(Grad)?
    (Log)?Softmax (Sparse)?SoftmaxCrossEntropyWithLogits
    Conv Conv[23]D(Backprop(Filter|Input)(V2)?)? DepthwiseConv2dNative(Backprop(Filter|Input))?
    Dilation2D(Backprop.*)? (Avg|Max)Pool(3D)?(V2)?(Grad(Grad)?(V2|WithArgmax)?)? MaxPoolWithArgmax
    Fractional(Avg|Max)Pool(Grad)? Fused(BatchNorm(Grad)?(V2|V3)?|PadConv2D|ResizeAndPadConv2D)
    BatchNormWithGlobalNormalization(Grad)? LRN(Grad)? (BlockLSTM|GRUBlockCell|LSTMBlockCell)(Grad)?(V2)?
    CudnnRNN(V2|V3|Backprop(V2|V3)?)? CudnnRNN(ParamsSize|CanonicalToParams(V2)?|ParamsToCanonical(V2)?)
    CTC(BeamSearchDecoder|GreedyDecoder|Loss(V2)?) EditDistance NearestNeighbors

    FakeQuantWithMinMax.* Quantize(V2|DownAndShrinkRange|AndDequantize.*)? Dequantize Requantiz(e|ation).*
    Quantized.*
    Uniform(Dequantize|Quantize|Requantize|Quantized.*) StochasticCastToInt

    Adjust(Contrast(v2)?|Hue|Saturation) CropAndResize(Grad.*)? (CombinedNon|Non)MaxSuppression.*
    DrawBoundingBoxes(V2)? Extract(Glimpse(V2)?|ImagePatches|JpegShape|VolumePatches) HSVToRGB RGBToHSV
    GenerateBoundingBoxProposals ImageProjectiveTransform(V2|V3) Resize.* ScaleAndTranslate(Grad)?
    (Stateless)?SampleDistortedBoundingBox(V2)?
    Decode(AndCropJpeg|Bmp|Gif|Image|Jpeg|Jxl|Png|WebP|Wav|Base64|CSV|Compressed|PaddedRaw|Raw)
    Encode(Base64|Jpeg|JpegVariableQuality|Png|Wav) AudioSpectrogram AudioMicrofrontend Mfcc

    (Stateless)?Multinomial Random(Crop|Gamma(Grad)?|(Index)?Shuffle|Poisson(V2)?|StandardNormal)
    RandomUniform(Int)? (Stateless)?ParameterizedTruncatedNormal (Stateless)?TruncatedNormal(V2)?
    Stateful(RandomBinomial|StandardNormal(V2)?|TruncatedNormal|Uniform(FullInt|Int)?)
    StatelessRandom.* StatelessShuffle RngReadAndSkip RngSkip NonDeterministicInts SobolSample
    (All|LogUniform|Uniform)CandidateSampler ComputeAccidentalHits

    AsString String(Format|Join|Length|Lower|NGrams|Split(V2)?|Strip|ToNumber|Upper)
    StringToHashBucket(Fast|Strong)?
    Substr (Static)?Regex(FullMatch|Replace) Unicode(Decode(WithOffsets)?|Encode|Script|Transcode)
    Fingerprint Parse(Single)?(Sequence)?Example(V2)? ParseTensor SerializeTensor ShardedFile(name|spec)

    Sparse(Add(Grad)?|Concat|Cross(Hashed|V2)?|DenseCwise(Add|Div|Mul)|FillEmptyRows(Grad)?)
    Sparse(Reduce(Max|Sum)(Sparse)?|Reorder|Reshape|Slice(Grad)?|Softmax|Sparse(Maximum|Minimum)|Split)
    Sparse(TensorDense(Add|MatMul)|ToDense)
    (Dense|Sparse)To(Dense|Sparse)SetOperation SetSize (Deserialize|Serialize)(Many)?Sparse
    Ragged(Cross|FillEmptyRows(Grad)?|Gather|Range|TensorFromVariant|TensorTo.*)
    CSRSparseMatrix.* (Dense|SparseTensor)ToCSRSparseMatrix SparseMatrix.*
"""


def is_allowed(name: str) -> bool:
    """Whether a SavedModel may use the operator, wherever it stands."""
    return any(re.fullmatch(pattern, name) for pattern in ALLOWED.split())


def registered() -> list[str]:
    """Names of all operators."""
    operators = op_def_pb2.OpList()
    operators.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return sorted(operator.name for operator in operators.op)


def main() -> None:
    """Write the list."""
    lines = [f"{'+' if is_allowed(name) else '-'} {name}" for name in registered()]
    TARGET.write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
