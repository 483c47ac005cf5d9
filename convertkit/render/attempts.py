"""Why an attempt's artifact is not the one that was kept. Draws nothing."""

from __future__ import annotations

from convertkit.render.numbers import DASH, format_bytes, format_percent, format_sqnr_db
from convertkit.report.report import Attempt, HopRecord

EQUAL_DB = 0.5  # as the choice between attempts has it


def why_lost(hop: HopRecord, attempt: Attempt) -> str:
    """Its error; or in what the kept one is better; a dash for the kept one itself."""
    kept = next((one for one in hop.attempts if one.kept), None)
    if attempt.error or attempt.kept or kept is None or attempt.size_bytes is None:
        return attempt.error or DASH
    if attempt.accuracy is not None and kept.accuracy is not None and attempt.accuracy < kept.accuracy:
        figures = format_percent(attempt.accuracy), format_percent(kept.accuracy)
        return f"less accurate than what was kept: {figures[0]} % against {figures[1]} %"
    if attempt.sqnr_db is not None and kept.sqnr_db is not None and attempt.sqnr_db < kept.sqnr_db - EQUAL_DB:
        figures = format_sqnr_db(attempt.sqnr_db), format_sqnr_db(kept.sqnr_db)
        return f"less exact than what was kept: {figures[0]} dB against {figures[1]} dB"
    if kept.size_bytes is not None and attempt.size_bytes > kept.size_bytes:
        sizes = format_bytes(attempt.size_bytes), format_bytes(kept.size_bytes)
        return f"larger than what was kept: {sizes[0]} against {sizes[1]}"
    return "another was preferred"
