"""What XNNPACK, LiteRT's own delegate of the CPU, takes. Imports no framework.

Source: `tflite/delegates/xnnpack/xnnpack_delegate.cc` of LiteRT, whose README lists the operators; LiteRT 2.3
as it is on PyPI, with 8-bit quantization and the latest operators on.
"""
