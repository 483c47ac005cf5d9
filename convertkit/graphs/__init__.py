"""Questions to ONNX graphs and TFLite files, and changes to them. Run in a worker only; must not convert."""
