"""Which operators a model file may use: the lists that both TorchScript and exported programs are held to."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from convertkit.sources.wording import words

TARGET = re.compile(r"torch\.ops\.(\w+)\.(\w+)(\.\w+)?")

# Higher-order operators that only run the graphs they are given. Not here: torchbind calls, Triton and
# compiled kernels, inline assembly, delegates.
HIGHER_ORDER = words("""
    associative_scan cond map_impl out_dtype scan strict_mode wrap_with_autocast wrap_with_set_grad_enabled
    while_loop
    """)
# Python functions of symbolic sizes, as torch.export writes them.
SYMBOLIC = frozenset(
    [f"_operator.{name}" for name in words("""
        add and_ eq floordiv ge getitem gt le lshift lt mod mul ne neg or_ pos pow rshift sub truediv
    """)]
    + [f"math.{name}" for name in words("ceil floor sqrt trunc")]
    + [f"torch.{name}" for name in words("""
        _sym_sqrt sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum
    """)]
)  # fmt: skip


@cache
def listed_operators() -> tuple[frozenset[str], frozenset[str]]:
    """Names `namespace.operator` that are allowed, and those that torch has and are not."""
    text = files("convertkit.sources").joinpath("operators.txt").read_text(encoding="ascii")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    allowed = frozenset(name for sign, name in lines if sign == "+")
    return allowed, frozenset(name for sign, name in lines if sign == "-")


def is_allowed(name: str) -> bool:
    """True for an operator, written `namespace.operator`, that a model file may use."""
    return name in listed_operators()[0]


@cache
def method_names() -> tuple[frozenset[str], frozenset[str]]:
    """Bare names that TorchScript resolves to an operator on any value: allowed ones, refused ones."""
    allowed, refused = (
        frozenset(name.partition(".")[2] for name in names if name.startswith(("aten.", "prim.")))
        for names in listed_operators()
    )
    return allowed, refused - allowed


def is_allowed_target(target: str) -> bool:
    """True for a node's target in an exported program that computes and does nothing else.

    The loader looks targets up attribute by attribute from `torch`, `operator` and `math`, so a target can
    name any function of any module that torch imports: only spelled-out ones pass.
    """
    if target in SYMBOLIC:
        return True
    match = TARGET.fullmatch(target)
    if match is None:
        return False
    namespace, operator, overload = match.groups()
    if namespace == "higher_order":
        return operator in HIGHER_ORDER and overload is None
    return is_allowed(f"{namespace}.{operator}")
