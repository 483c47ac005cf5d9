"""ONNX's operators, one family a file, its table `OPERATORS` at the end; imports no scope and no registry."""
