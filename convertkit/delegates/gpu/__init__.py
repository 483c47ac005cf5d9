"""What TFLite's GPU delegate takes, by number of inputs, types, rank and constants. Imports no framework.

Sources: `CheckGpuDelegateCompatibility` (`lite/tools/versioning/gpu_compatibility.cc`, with its enhanced
broadcast) and `GetOpsToReplace` (`delegates/gpu/common/model_builder.cc`) of TensorFlow and LiteRT. TFLite's
own analyzer asks the first of them where it is built with it: that of TensorFlow 2.15 is; 2.21's and LiteRT
2.3's call every model compatible.
"""
