"""Model files: what they are, and whether they may be loaded. Imports no framework, runs nothing."""

from convertkit.sources.detect import inspect_source
from convertkit.sources.source import Kind, SourceFile, check_trusted

__all__ = ["Kind", "SourceFile", "check_trusted", "inspect_source"]
