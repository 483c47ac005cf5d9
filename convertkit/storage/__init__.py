"""The folder of a run and the store of hops. Must not start workers."""
