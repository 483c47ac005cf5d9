"""What the verbs beside `convert` do, one file a verb. Must not import `run`, or print."""
