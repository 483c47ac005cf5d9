"""What the pipeline needs to know of a stage's options, and the base of those that have one attempt."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, Self

import msgspec

from convertkit.artifacts.formats import Precision


class StageOptions(Protocol):
    """What the pipeline needs to know of a stage's options."""

    @property
    def converter(self) -> str:
        """Which converter serves, as it stands in the report."""

    @property
    def extra(self) -> str:
        """The optional extra of `registry.EXTRAS` that they need; empty where they need none."""

    @property
    def are_rivals(self) -> bool:
        """True where every attempt is made and the best is kept; False where the first that passes is."""

    @property
    def grid(self) -> int:
        """Largest integer of the grid that weights are rounded to before the stage; 0 where they are not."""

    @property
    def fixes_axes(self) -> bool:
        """True where they ask for free axes to be fixed."""

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """The concrete option sets to try, in order."""

    def plain_attempts(self, done: Collection[str]) -> tuple[Self, ...]:
        """Those to make as well where all ways are asked for, without what was done of itself.

        Args:
            done: names of the transformations of what was made of weights rounded to nearest.
        """

    def second_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """Those to try where what the first made does not pass; costlier."""

    def last_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """Those to try in turn where nothing before has passed."""

    def takes(self, kind: str) -> bool:
        """Whether they can serve for a source of that kind, a `sources.Kind`."""


class OneAttempt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the stages' options: one attempt, no extra, unless a class says otherwise."""

    @property
    def extra(self) -> str:
        """None."""
        return ""

    @property
    def are_rivals(self) -> bool:
        """No."""
        return False

    @property
    def grid(self) -> int:
        """None."""
        return 0

    @property
    def fixes_axes(self) -> bool:
        """No."""
        return False

    def attempts(self, *, precision: Precision, has_dynamic_axes: bool) -> tuple[Self, ...]:
        """These options themselves."""
        return (self,)

    def plain_attempts(self, done: Collection[str]) -> tuple[Self, ...]:
        """None."""
        return ()

    def second_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """None."""
        return ()

    def last_attempts(self, *, precision: Precision) -> tuple[Self, ...]:
        """None."""
        return ()

    def takes(self, kind: str) -> bool:
        """Any."""
        return True
