"""What is measured of one artifact beside others, and how it is compared with the first of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from convertkit.measurement.latency import Latency, compare, self_noise
from convertkit.measurement.profile import Profile
from convertkit.measurement.start import ColdStart


class Measured(msgspec.Struct, frozen=True):
    """One artifact's row of `convertkit bench`.

    Attributes:
        latency: for each number of threads, batch and device; beside the first artifact in `versus`.
        start: in a process of its own, with the first number of threads.
        profile: likewise; null where none was asked for.
    """

    path: str
    format: str
    size_bytes: int
    latency: tuple[Latency, ...]
    start: ColdStart = ColdStart()
    profile: Profile | None = None

    @property
    def is_measured(self) -> bool:
        """True where there is a latency at all."""
        return any(row.p50_ms is not None for row in self.latency)


def beside_first(rows: Sequence[tuple[Latency, ...]], name: str) -> list[tuple[Latency, ...]]:
    """The rows beside the first artifact's, as far as they differ by more than that one does from itself.

    Args:
        rows: of each artifact, and of the first one again at the end.
        name: what the first one is called.
    """
    firsts = {row.device: row for row in rows[0]}
    again = {row.device: row for row in rows[-1]}
    noises = {device: self_noise(row, again[device]) for device, row in firsts.items() if device in again}
    found = []
    for place, row in enumerate(rows[:-1]):
        quiet = [msgspec.structs.replace(one, noise=noises.get(one.device)) for one in row]
        found.append(tuple(beside(one, firsts.get(one.device), name) if place else one for one in quiet))
    return found


def beside(one: Latency, other: Latency | None, name: str) -> Latency:
    """The row with its comparison, where there is anything to compare with."""
    versus = compare(one, other, name)
    return one if versus is None else msgspec.structs.replace(one, versus=(versus,))
