"""Compare, judge, gate: whether an artifact still is the source model. Must not import the report."""
