"""The report as the JSON that `report.json` holds."""

from __future__ import annotations

import msgspec

from convertkit.report.report import Report


def render_json(report: Report) -> str:
    """Indented JSON, as in the run's folder."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
