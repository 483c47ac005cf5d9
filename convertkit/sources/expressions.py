"""Text in an exported program that torch evaluates as Python: symbolic sizes and guards.

Sizes (`expr_str`) go through sympy's parser, which is `eval`; guards (`guards_code`) are pasted into a
function that is run by `exec` when the program is unlifted. Both are parsed here by `ast`, which runs
nothing, and every node must be on a list. No attribute is allowed in a size at all, and in a guard only
`L['x'].size()` and its like. Text constants must be plain words, since they are pasted into source code
and sympy parses them again.
"""

from __future__ import annotations

import ast
import re

from convertkit.sources.wording import words

MAX_CHARACTERS = 20_000
MAX_NUMBER = 10**20
SYMBOL = re.compile(r"[a-z]{1,4}_?\d{1,9}")
WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
NUMBER = re.compile(r"-?\d+(\.\d*)?(e[+-]?\d+)?|-?(inf|nan|oo)")
DOTTED_WORDS = re.compile(r"[\w./:+ -]*", re.ASCII)

# torch.utils._sympy.functions that the loader hands to sympy, and sympy's own heads, as it prints them.
FUNCTIONS = words("""
    FloorDiv ModularIndexing Where PythonMod Mod CleanDiv CeilToInt FloorToInt CeilDiv LShift RShift
    PowByNatural FloatPow FloatTrueDiv IntTrueDiv IsNonOverlappingAndDenseIndicator TruncToFloat TruncToInt
    RoundToInt RoundDecimal ToFloat Identity
    Add Mul Pow Max Min Abs And Or Not Integer Rational Eq Ne Lt Le Gt Ge Equality Unequality LessThan
    GreaterThan StrictLessThan StrictGreaterThan floor ceiling sqrt Piecewise ExprCondPair Symbol Float
    """)
CONSTANT_NAMES = frozenset({"true", "false", "oo", "int_oo", "zoo", "nan", "pi", "E"})
GUARD_METHODS = frozenset({"size", "stride", "storage_offset", "dim", "numel", "item"})
GUARD_FUNCTIONS = words("""
    Max Min Mod FloorDiv CeilDiv CleanDiv IntTrueDiv FloatTrueDiv PythonMod ToFloat max min abs math.floor
    math.ceil math.trunc torch.sym_float torch.sym_max torch.sym_min torch.sym_ite torch.sym_not
    """)
OPERATORS = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Load, ast.And, ast.Or, ast.Not,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift, ast.BitAnd,
    ast.BitOr, ast.Invert, ast.USub, ast.UAdd, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


def is_safe_size(text: str) -> bool:
    """True for a symbolic size that only computes: `Mul(Integer(2), Symbol('s0', integer=True))`, `2*s0`."""
    tree = parse(text)
    return tree is not None and is_size(tree)


def is_safe_guard(text: str) -> bool:
    """True for a guard that only compares sizes: `L['x'].size()[0] == L['y'].size()[0]`."""
    tree = parse(text)
    return tree is not None and is_guard(tree)


def parse(text: str) -> ast.AST | None:
    """The expression's tree; None where Python cannot read it, or might read it otherwise than sympy."""
    if len(text) > MAX_CHARACTERS or not text.isascii() or not text.isprintable():
        return None
    try:
        return ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_size(node: ast.AST) -> bool:
    """Whether a node of a symbolic size is on the list, and all below it."""
    try:
        if isinstance(node, ast.Call):
            return is_size_call(node)
        if isinstance(node, ast.Name):
            return bool(SYMBOL.fullmatch(node.id)) or node.id in CONSTANT_NAMES
        if isinstance(node, ast.Tuple):
            return all(is_size(child) for child in node.elts)
        return is_number(node) or (is_operator(node) and all(map(is_size, ast.iter_child_nodes(node))))
    except RecursionError:
        return False


def is_size_call(node: ast.Call) -> bool:
    """A call of a listed function; text only as the first argument of Symbol and Float."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in ("Symbol", "Float"):
        pattern = SYMBOL if name == "Symbol" else NUMBER
        first = node.args[0] if len(node.args) == 1 else None
        value = first.value if isinstance(first, ast.Constant) else None
        is_first_plain = isinstance(value, str) and bool(pattern.fullmatch(value))
        if name == "Float" and first is not None:
            is_first_plain = is_first_plain or is_number(first)
        return is_first_plain and all(is_number(keyword.value) and keyword.arg for keyword in node.keywords)
    return name in FUNCTIONS and not node.keywords and all(map(is_size, node.args))


def is_guard(node: ast.AST) -> bool:
    """Whether a node of a guard is on the list, and all below it."""
    try:
        if isinstance(node, ast.Call):
            return is_guard_call(node)
        if isinstance(node, ast.Subscript):
            is_key = isinstance(node.slice, ast.Constant) and is_plain(node.slice.value)
            return is_key and is_guard(node.value)
        if isinstance(node, ast.Name):
            return node.id == "L"
        if isinstance(node, ast.Constant):
            return is_plain(node.value)
        return is_operator(node) and all(map(is_guard, ast.iter_child_nodes(node)))
    except RecursionError:
        return False


def is_guard_call(node: ast.Call) -> bool:
    """A listed function, or `.size()` and its like on something that a guard may name."""
    if node.keywords or not all(map(is_guard, node.args)):
        return False
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Subscript | ast.Call):
        return node.func.attr in GUARD_METHODS and is_guard(node.func.value)
    return ast.unparse(node.func) in GUARD_FUNCTIONS


def is_operator(node: ast.AST) -> bool:
    """Arithmetic, comparison, and logic."""
    return isinstance(node, OPERATORS)


def is_number(node: ast.AST) -> bool:
    """A number of ordinary size, True, or False."""
    return isinstance(node, ast.Constant) and not isinstance(node.value, str) and is_plain(node.value)


def is_plain(value: object) -> bool:
    """A number of ordinary size, True, False, None, or a text that is safe inside quotes."""
    if isinstance(value, str):
        return bool(DOTTED_WORDS.fullmatch(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return -MAX_NUMBER < value < MAX_NUMBER
    return value is None or isinstance(value, bool | float)
