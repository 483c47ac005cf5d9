"""An unpickler's stack and memo on inert values: nothing is imported, nothing is called."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from convertkit.sources.pickle_names import ENCODINGS, PYTHON_2_MODULES
from convertkit.sources.pickle_values import Call, Items, Mark, Name, PersistentId, Scan
from convertkit.sources.wording import words


class DamagedError(Exception):
    """The opcodes make no sense."""


class Machine:
    """The unpickler's stack and memo, on inert values."""

    def __init__(self, allowed: Container[str]) -> None:
        self.allowed = allowed
        self.scan = Scan()
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """Carry out one opcode."""
        if opcode in IGNORED:
            return
        if opcode in CONSTANTS:
            self.stack.append(CONSTANTS[opcode]())
        elif opcode in LITERALS:
            self.stack.append(argument)
        elif opcode in ACTIONS:
            ACTIONS[opcode](self, argument)
        else:
            self.refuse(f"its pickle uses {opcode}")
            raise DamagedError(opcode)

    def refuse(self, reason: str) -> None:
        """Note something that no data pickle does."""
        self.scan.reasons.append(reason)

    def pop(self) -> Any:
        """The top of the stack."""
        if not self.stack or isinstance(self.stack[-1], Mark):
            raise DamagedError("stack underflow")
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        """Everything above the topmost MARK."""
        for index in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[index], Mark):
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise DamagedError("no MARK")

    def top(self) -> Any:
        """The top of the stack, left there."""
        if not self.stack or isinstance(self.stack[-1], Mark):
            raise DamagedError("stack underflow")
        return self.stack[-1]

    def tuple_of(self, size: int) -> None:
        """Make a tuple of the topmost values."""
        items = [self.pop() for _ in range(size)]
        self.stack.append(tuple(reversed(items)))

    def import_name(self, module: Any, attribute: Any) -> None:
        """Push an imported name, and note whether it is allowed."""
        if not isinstance(module, str) or not isinstance(attribute, str):
            self.refuse("its pickle imports a name that cannot be told beforehand")
            module, attribute = "?", "?"
        text = f"{PYTHON_2_MODULES.get(module, module)}.{attribute}"
        self.scan.names.append(text)
        if text not in self.allowed:
            self.scan.refused.append(text)
        self.stack.append(Name(text))

    def import_global(self, argument: str) -> None:
        """GLOBAL: module and attribute as two lines, which genops joins by a space."""
        parts = argument.split(" ")
        if len(parts) == 2:
            self.import_name(*parts)
        else:
            self.import_name(None, None)

    def import_stack_global(self) -> None:
        """STACK_GLOBAL: module and attribute from the stack; they may come from the memo."""
        attribute, module = self.pop(), self.pop()
        self.import_name(module, attribute)

    def call(self, callee: Any, arguments: Any) -> None:
        """Push the result of a call."""
        name = callee.text if isinstance(callee, Name) else "?"
        if not isinstance(callee, Name):
            self.refuse("its pickle calls something that is not a plain name")
        if name == "_codecs.encode" and not is_known_encoding(arguments):
            self.refuse("its pickle encodes text in an unusual way")
        self.stack.append(Call(name, arguments))

    def instantiate(self, name: str | None) -> None:
        """OBJ and INST: a class, from the stack or named by the opcode, called with what follows the MARK."""
        items = self.pop_mark()
        if name is not None:
            self.import_global(name)
            items.insert(0, self.pop())
        if not items:
            raise DamagedError("no class")
        self.call(items[0], tuple(items[1:]))

    def reduce(self, *, with_keywords: bool = False) -> None:
        """REDUCE, NEWOBJ and NEWOBJ_EX: callee and arguments from the stack."""
        if with_keywords:
            self.pop()
        arguments, callee = self.pop(), self.pop()
        self.call(callee, arguments)

    def build(self) -> None:
        """BUILD: set the state of an object, which may run its `__setstate__`."""
        state, target = self.pop(), self.top()
        if isinstance(target, Call):
            target.state = state
        else:
            self.refuse("its pickle sets the state of something that is not a plain object")

    def append(self, items: list[Any]) -> None:
        """APPEND, APPENDS, ADDITEMS."""
        target = self.top()
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Call):
            raise DamagedError("append to no list")

    def set_items(self, items: list[Any]) -> None:
        """SETITEM, SETITEMS."""
        target = self.top()
        pairs = list(zip(items[::2], items[1::2], strict=True))
        if isinstance(target, Items | Call):
            target.pairs.extend(pairs)
        else:
            raise DamagedError("items set on no dict")

    def make_dict(self) -> None:
        """DICT: keys and values above the MARK."""
        items = self.pop_mark()
        self.stack.append(Items([]))
        self.set_items(items)

    def recall(self, index: Any) -> None:
        """GET: push what the memo holds."""
        if int(index) not in self.memo:
            raise DamagedError("unknown memo")
        self.stack.append(self.memo[int(index)])

    def remember(self, index: Any) -> None:
        """PUT: note the top of the stack in the memo."""
        self.memo[int(index)] = self.top()


def is_known_encoding(arguments: Any) -> bool:
    """True for `_codecs.encode(text, 'latin1')` and its like."""
    return isinstance(arguments, tuple) and len(arguments) == 2 and arguments[1] in ENCODINGS


IGNORED = {"PROTO", "FRAME"}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": lambda: Items([]),
    "EMPTY_SET": list,
    "MARK": Mark,
}
LITERALS = words("""
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES
    SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
    """)
ACTIONS: dict[str, Callable[[Machine, Any], object]] = {
    "GLOBAL": lambda m, a: m.import_global(a),
    "STACK_GLOBAL": lambda m, a: m.import_stack_global(),
    "REDUCE": lambda m, a: m.reduce(),
    "NEWOBJ": lambda m, a: m.reduce(),
    "NEWOBJ_EX": lambda m, a: m.reduce(with_keywords=True),
    "OBJ": lambda m, a: m.instantiate(None),
    "INST": lambda m, a: m.instantiate(a),
    "BUILD": lambda m, a: m.build(),
    "BINPERSID": lambda m, a: m.stack.append(PersistentId(m.pop())),
    "POP": lambda m, a: m.stack.pop(),
    "POP_MARK": lambda m, a: m.pop_mark(),
    "DUP": lambda m, a: m.stack.append(m.top()),
    "TUPLE": lambda m, a: m.stack.append(tuple(m.pop_mark())),
    "TUPLE1": lambda m, a: m.tuple_of(1),
    "TUPLE2": lambda m, a: m.tuple_of(2),
    "TUPLE3": lambda m, a: m.tuple_of(3),
    "LIST": lambda m, a: m.stack.append(m.pop_mark()),
    "DICT": lambda m, a: m.make_dict(),
    "FROZENSET": lambda m, a: m.stack.append(m.pop_mark()),
    "APPEND": lambda m, a: m.append([m.pop()]),
    "APPENDS": lambda m, a: m.append(m.pop_mark()),
    "ADDITEMS": lambda m, a: m.append(m.pop_mark()),
    "SETITEM": lambda m, a: m.set_items([(value := m.pop(), m.pop())[1], value]),
    "SETITEMS": lambda m, a: m.set_items(m.pop_mark()),
    "GET": lambda m, a: m.recall(a),
    "BINGET": lambda m, a: m.recall(a),
    "LONG_BINGET": lambda m, a: m.recall(a),
    "PUT": lambda m, a: m.remember(a),
    "BINPUT": lambda m, a: m.remember(a),
    "LONG_BINPUT": lambda m, a: m.remember(a),
    "MEMOIZE": lambda m, a: m.remember(len(m.memo)),
}
