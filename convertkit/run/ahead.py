"""What the checks of a hop will ask for, started while its converter works."""

from __future__ import annotations

from collections.abc import Sequence

from convertkit.artifacts.formats import Variant
from convertkit.plan import Hop
from convertkit.registry import FIELD_RUNTIME, runtime_row
from convertkit.run.budgeted import LIGHT
from convertkit.workers.pool import Workers


def expect_checks(workers: Workers, targets: Sequence[Variant], hop: Hop) -> None:
    """Start the field runtime, and the process of the cold start, where the hop's artifact will need them."""
    target = hop.target
    if target.format is FIELD_RUNTIME.format:
        workers.expect(FIELD_RUNTIME.environment)
    if target in targets and target.format in LIGHT:
        workers.expect_fresh(runtime_row(target.format).environment)
