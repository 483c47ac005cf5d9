"""Latency in interleaved rounds, and its statistics. Must not import the report."""
