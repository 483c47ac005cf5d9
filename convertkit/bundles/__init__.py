"""What ships as one file: a run in a deterministic zip, and its check elsewhere. Must not import verbs."""
