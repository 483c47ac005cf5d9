"""Formats, signatures, artifacts and their bytes. Must import nothing of convertkit but `errors`."""
