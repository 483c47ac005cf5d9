"""Float ONNX and FX graphs refined before INT8: rounding, biases. Only in a worker; must not quantize."""
