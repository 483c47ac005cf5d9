"""Formats, signatures, artifacts and their bytes. Imports nothing of convertkit but `errors`."""
