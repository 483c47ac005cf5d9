"""ONNX's operators, one family a file, its table `OPERATORS` at the end. Imports no scope, no registry."""
