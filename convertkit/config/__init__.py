"""Typed options of stages and settings of runs, with their defaults. Imports nothing that they configure."""
