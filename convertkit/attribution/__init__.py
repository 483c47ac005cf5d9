"""Which operator loses what, and which PyTorch module it comes from (`blame`). Must not convert anything."""
