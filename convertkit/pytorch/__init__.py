"""What the PyTorch stages and runtime share: loading, engines, graphs as layers. Only in a worker."""
