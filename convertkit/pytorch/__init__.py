"""What the PyTorch stages and runtime share: engines, graphs as layers, archives. Worker side only."""
