"""Routes: which hops lead from a source to the variants that were asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.errors import NoRouteError, UsageError
from convertkit.registry import STAGES, StageRow


class Hop(msgspec.Struct, frozen=True):
    """One stage to be run, from one variant to another."""

    stage: StageRow
    source: Variant
    target: Variant

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


def plan_route(source: Variant, target: Variant, stages: Sequence[StageRow] = STAGES) -> list[Hop]:
    """The shortest chain of hops.

    Raises:
        NoRouteError: there is none; the hint lists what can be reached.
        UsageError: the source already is the target.
    """
    if source == target:
        raise UsageError(f"the model already is {target}")
    routes: dict[Variant, list[Hop]] = {source: []}
    waiting = deque([source])
    while waiting:
        current = waiting.popleft()
        for stage in stages:
            if stage.source != current:
                continue
            for variant in stage.targets:
                if variant not in routes:
                    routes[variant] = [*routes[current], Hop(stage, current, variant)]
                    waiting.append(variant)
    if target not in routes:
        reachable = ", ".join(str(variant) for variant in routes if variant != source) or "nothing"
        raise NoRouteError(f"no route from {source} to {target}", hint=f"from {source}: {reachable}")
    return routes[target]


def plan(source: Variant, targets: Sequence[Variant]) -> list[Hop]:
    """Hops for several targets, each hop once, in an order that can be run."""
    hops: dict[Hop, None] = {}
    for target in targets:
        hops |= dict.fromkeys(plan_route(source, target))
    return list(hops)


def default_variant(target: str, *, has_samples: bool) -> str:
    """Plain `tflite` is INT8 with samples and float32 without; every other word stands for itself."""
    if target != Format.TFLITE:
        return target
    return f"{Format.TFLITE}:{Precision.INT8 if has_samples else Precision.FLOAT32}"
