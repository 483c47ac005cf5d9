"""Which operator loses what, and its PyTorch module: `blame`. Must not convert anything."""
