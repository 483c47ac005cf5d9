"""What artifacts are judged with besides a tolerance, found out once: the source's noise, masks, rows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from convertkit.validation.masks import Masks
from convertkit.validation.noise import Noise


class Grounds(msgspec.Struct, frozen=True):
    """What outputs are judged with, besides the tolerance.

    Attributes:
        noise: the source against itself; nothing finer is asked for.
        masks: entries that count, of outputs with padding.
        half: the half precision that the source computes in; then the noise is what it differs by from
            itself in float32. Empty: none.
        rows: of each sample, its place in the samples' file; empty: in order.
    """

    noise: Noise = {}
    masks: Masks = {}
    rows: Sequence[int] = ()
    half: str = ""
