"""One family of ONNX operators a file, its table `OPERATORS` at the end; imports no scope, no registry."""
