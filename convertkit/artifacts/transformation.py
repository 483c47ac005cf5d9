"""What was done to a model so that it keeps its accuracy in INT8: its name, its time and what it gains."""

from __future__ import annotations

import msgspec

REFINEMENT, HEADS, INTEGERS, OUTPUTS = "refinement", "heads", "integers", "outputs"
RECURRENT, RANGES = "recurrent", "ranges"


class Transformation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One transformation of an artifact.

    Attributes:
        name: `refinement` (equalization, rounding, biases), `heads`, `integers`, `outputs`, `recurrent`,
            `ranges`.
        seconds: wall time that it took beside the conversion.
        gain_db: lowest SQNR with it less the same without; null where nothing was made without it.
    """

    name: str
    seconds: float
    gain_db: float | None = None
