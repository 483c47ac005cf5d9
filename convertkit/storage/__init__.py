"""The folder of a run and the store of hops: what stands on disk between hops. Must not start workers."""
