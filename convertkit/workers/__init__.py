"""The parent's side of worker processes, and the messages both sides speak. Must not import `worker`."""
