"""Typed options of stages and settings of runs, with their defaults. Must not import what they configure."""
