"""convertkit: PyTorch models to the artifact that ships, compared with the source after every hop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convertkit.api import bench, blame, compare, convert, fleet, gate, validate
    from convertkit.report.report import Report, load_report
    from convertkit.shipping import bundle, kit, verify

__all__ = [
    "Report",
    "__version__",
    "bench",
    "blame",
    "bundle",
    "compare",
    "convert",
    "fleet",
    "gate",
    "kit",
    "load_report",
    "validate",
    "verify",
]
__version__ = "0.1.0"

PUBLIC = {
    "convert": "api",
    "validate": "api",
    "bench": "api",
    "blame": "api",
    "compare": "api",
    "fleet": "api",
    "gate": "api",
    "bundle": "shipping",
    "kit": "shipping",
    "verify": "shipping",
    "load_report": "report.report",
    "Report": "report.report",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that the command line starts fast."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'convertkit' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"convertkit.{PUBLIC[name]}"), name)
