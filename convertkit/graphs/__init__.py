"""Questions to ONNX graphs and TFLite files, and changes to them. Only in a worker; must not convert."""
