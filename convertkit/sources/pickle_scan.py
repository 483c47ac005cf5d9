"""Read a pickle without unpickling it: which names it would import, which it would call, what it builds.

The opcodes are walked by `pickletools.genops` on a stack of inert values: nothing is imported and nothing is
called. Whatever a real unpickler would import or call beyond the allowed names is written down as a reason,
in order, also when the pickle is damaged further on: a real unpickler would have run it by then.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Container
from typing import IO

from convertkit.sources.pickle_machine import DamagedError, Machine
from convertkit.sources.pickle_values import Scan

MAX_OPCODES = 20_000_000


def scan_pickle(content: bytes | IO[bytes], allowed: Container[str]) -> Scan:
    """Walk one pickle.

    Args:
        content: bytes that begin with the pickle, or a stream that stands at its beginning.
        allowed: names, written `module.attribute`, that it may import and call.

    Returns:
        What it would do; never raises for bad content. A stream is left after the pickle's end.
    """
    machine = Machine(allowed)
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_OPCODES:
                raise DamagedError("too many opcodes")
            if opcode.name == "STOP":
                machine.scan.value = machine.pop()
                return machine.scan
            machine.step(opcode.name, argument)
    except (DamagedError, ValueError, OverflowError, MemoryError, IndexError, EOFError):
        pass
    machine.scan.is_damaged = True
    return machine.scan
