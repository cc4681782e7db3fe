"""The TensorFlow operations that a SavedModel of this library may hold.

The list is one of what is allowed: which operations do harm changes with every release of
TensorFlow and with its add-ons. It holds what exports of all networks and CRFs consist of and, so
that another layer or another release does not end in a refusal, their kin: all compute tensors from
tensors, in memory. Files, sockets, processes, Python, and graphs kept in strings are left out.
Names are added and never taken away: exports of older releases stay loadable.
"""

from __future__ import annotations

_VALUES = """
    Const Placeholder PlaceholderWithDefault Identity IdentityN NoOp StopGradient PreventGradient
    Snapshot EnsureShape Bitcast Cast CheckNumerics Assert DisableCopyOnRead
    VarHandleOp ReadVariableOp AssignVariableOp VarIsInitializedOp ResourceGather ResourceGatherNd
"""
_CONTROL_FLOW = """
    PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case StatelessCase
    Switch RefSwitch Merge Enter Exit NextIteration LoopCond ControlTrigger
    EmptyTensorList TensorListReserve TensorListGetItem TensorListSetItem TensorListStack
    TensorListFromTensor TensorListPushBack TensorListPopBack TensorListLength TensorListResize
    TensorListElementShape TensorListConcat TensorListConcatV2 TensorListGather TensorListScatter
    TensorListScatterV2 TensorListSplit TensorListConcatLists
"""
# Of tf.data only what passes tensors on: decoding tries an image without failing the batch.
_DATASETS = """
    TensorDataset TensorSliceDataset MapDataset ParallelMapDatasetV2 IgnoreErrorsDataset
    ConcatenateDataset TakeDataset OptionsDataset DatasetToSingleElement
"""
_ARRAYS = """
    Shape ShapeN Size Rank Reshape Squeeze ExpandDims Transpose Concat ConcatV2 ConcatOffset Pack
    Unpack Split SplitV Slice StridedSlice Pad PadV2 MirrorPad Tile Fill ZerosLike OnesLike Range
    LinSpace OneHot Gather GatherV2 GatherNd ScatterNd TensorScatterAdd TensorScatterUpdate
    TensorScatterMax TensorScatterMin TensorScatterSub Where Select SelectV2 Reverse ReverseV2
    ReverseSequence BroadcastTo BroadcastArgs BroadcastGradientArgs InvertPermutation Unique
    UniqueV2 UniqueWithCounts Roll SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND
    SpaceToDepth DepthToSpace Diag DiagPart MatrixDiag MatrixDiagV2 MatrixDiagV3 MatrixDiagPart
    MatrixDiagPartV3 MatrixSetDiag MatrixSetDiagV3 MatrixBandPart LowerBound UpperBound
    TopK TopKV2 DynamicPartition DynamicStitch ParallelDynamicStitch Bincount DenseBincount Cumsum
    Cumprod SegmentSum SegmentSumV2 SegmentMean SegmentMax SegmentMin UnsortedSegmentSum
    UnsortedSegmentMax UnsortedSegmentMin SparseTensorDenseMatMul SparseToDense SparseReorder
    SparseMatMul SparseSegmentSum SparseSegmentMean ExtractImagePatches
"""
_MATHEMATICS = """
    Abs Neg Sign Square Sqrt Rsqrt Reciprocal Inv Exp Expm1 Log Log1p Sin Cos Tan Tanh Sinh Cosh
    Asin Acos Atan Atan2 Erf Erfc Sigmoid Floor Ceil Round Rint IsNan IsInf IsFinite
    Add AddV2 AddN Sub Mul MulNoNan Div DivNoNan RealDiv TruncateDiv FloorDiv FloorMod Mod
    TruncateMod Pow Maximum Minimum SquaredDifference ClipByValue Xlogy Xdivy BiasAdd BiasAddV1
    Equal NotEqual Less LessEqual Greater GreaterEqual ApproximateEqual LogicalAnd LogicalOr
    LogicalNot BitwiseAnd BitwiseOr BitwiseXor Invert LeftShift RightShift
    Sum Mean Prod Max Min All Any ArgMax ArgMin EuclideanNorm L2Loss MatMul BatchMatMul
    BatchMatMulV2 BatchMatMulV3 Einsum
"""
_NETWORKS = """
    Conv2D Conv DepthwiseConv2dNative Conv2DBackpropInput Conv3D MaxPool MaxPoolV2 AvgPool
    Dilation2D Relu Relu6 LeakyRelu Elu Selu Softplus Softsign Softmax LogSoftmax LRN
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 _FusedConv2D _FusedMatMul _FusedBatchNormEx
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
    QuantizeAndDequantizeV2 QuantizeAndDequantizeV4 StatelessRandomUniformV2
    StatelessRandomGetKeyCounter StatelessRandomGetAlg StatelessRandomGetKeyCounterAlg
"""
_IMAGES = """
    DecodeJpeg DecodePng DecodeImage DecodeAndCropJpeg DecodeBmp ExtractJpegShape EncodeJpeg
    EncodePng DecodeRaw DecodePaddedRaw CropAndResize ResizeBilinear ResizeNearestNeighbor
    ResizeBicubic ResizeArea ImageProjectiveTransformV2 ImageProjectiveTransformV3 AdjustContrastv2
    RGBToHSV HSVToRGB
"""
_STRINGS = """
    AsString StringJoin StringLength StringLower StringUpper StringStrip StringSplitV2 Substr
    StringFormat StaticRegexFullMatch RegexFullMatch StaticRegexReplace RegexReplace ReduceJoin
    StringToNumber EncodeBase64 DecodeBase64
"""
COMPUTING = frozenset(
    " ".join(
        (_VALUES, _CONTROL_FLOW, _DATASETS, _ARRAYS, _MATHEMATICS, _NETWORKS, _IMAGES, _STRINGS)
    ).split()
)
# What the functions hold, besides, that tf.saved_model.save adds for reading and writing variables.
SAVING = frozenset(("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"))
