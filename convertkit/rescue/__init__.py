"""The search for an INT8 artifact that passes, where a hop fails. Must not import `run` or `verbs`."""
