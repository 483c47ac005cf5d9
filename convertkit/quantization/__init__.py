"""Float ONNX graphs made to survive INT8: better rounding, biases. Only in a worker; must not quantize."""
