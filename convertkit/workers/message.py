"""What every message between parent and worker is. Tensors travel as `.npz`."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all messages: frozen, unknown fields are errors."""
