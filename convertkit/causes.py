"""The cause that the text of a library's error names, in one line, without what a user cannot act on."""

from __future__ import annotations

import re


def first_line(error: BaseException) -> str:
    """The line of an error's text that names its cause; the class where the text says nothing."""
    kind = type(error).__name__
    return cause_line(str(error)).removeprefix(f"{kind}: ") or kind


def caused(error: BaseException) -> str:
    """`ValueError: cannot reshape`: the class and the cause; ONNX Runtime goes by its own name."""
    kind = type(error).__name__
    if type(error).__module__.startswith("onnxruntime."):
        kind = "ONNX Runtime"
    line = cause_line(str(error)).removeprefix(f"{kind}: ")
    return f"{kind}: {line or 'no message'}"


def cause_line(text: str) -> str:
    """The line of a library's error text that names the cause, without locations; empty where none does.

    TensorFlow puts a heading and a stack before it, MLIR a location of any length, ONNX Runtime the name of a
    C++ function, LiteRT a source file before it and its node right behind it, PyTorch advice.
    """
    plain = ESCAPE.sub("", text)
    summary = SUMMARY.search(plain)
    if summary:
        return tidied(f"{summary['kind']}: {summary['line']}")
    mlir = needed_operators(plain) or MLIR_ERROR.search(plain)
    if mlir:
        return mlir if isinstance(mlir, str) else tidied(without_location(mlir["line"]))
    lines = [line.strip() for line in plain.splitlines() if line.strip() and not NOISE.match(line)]
    if not lines:
        return ""
    if TRACEBACK.match(plain):
        raised = [line for line in lines if RAISED.match(line)]
        return tidied(raised[-1] if raised else lines[-1])
    first = tidied(lines[0])
    is_open = first.endswith((":", "for the following indices")) and len(lines) > 1
    return f"{first} {tidied(lines[1])}" if is_open else first


def needed_operators(text: str) -> str:
    """What TensorFlow's converter sums up at the end of its list; empty where it does not."""
    found = NEEDED.findall(text)
    return f"the result needs operators that are not built in: {', '.join(found).strip()}" if found else ""


def without_location(line: str) -> str:
    """An MLIR message without the `loc(…)` before it, whose brackets nest."""
    if not line.startswith("loc("):
        return line
    depth = 0
    for place, letter in enumerate(line):
        depth += (letter == "(") - (letter == ")")
        if letter in "()" and depth == 0:
            return line[place + 1 :].lstrip(": ")
    return line


def tidied(line: str) -> str:
    """A message without what a user cannot act on: source files, codes, graph references."""
    for pattern, instead in REWRITES:
        line = pattern.sub(instead, line)
    return line.strip()


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
SUMMARY = re.compile(r"## Exception summary\s+<class '(?:[\w.]*\.)?(?P<kind>\w+)'>: (?P<line>.+)")
MLIR_ERROR = re.compile(r"^.*?:\d+(?::\d+)?: error: (?P<line>.+)$", re.MULTILINE)
NEEDED = re.compile(r"^(?:TF Select|Flex|Custom) ops: (.+)$", re.MULTILINE)
TRACEBACK = re.compile(r"\s*(?:in user code:|.*\n?Traceback )")
RAISED = re.compile(r"^\w*(?:Error|Exception|Interrupt): ")
NOISE = re.compile(
    r"\s*(?:Graph execution error:$|Detected at node .* defined at|File \".*\", line \d+|<stack traces"
    r"|\d+ root error\(s\) found|\[\[\{\{|Exception encountered when calling "
    r"|The following operation failed in the TorchScript interpreter)"
)
REWRITES = (
    (re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : "), ""),
    (
        re.compile(
            r"^Non-zero status code returned while running (\w+) node\. Name:'([^']*)' Status Message: "
        ),
        r"\1 '\2': ",
    ),
    (re.compile(r"/onnxruntime_src/\S+:\d+ .*? was false\. "), ""),
    (re.compile(r"\[ShapeInferenceError\] Inference error\(s\): "), ""),
    (re.compile(r"^\(\d+\) [A-Z_]+: "), ""),
    (re.compile(r"^\{\{function_node [^}]*\}\} "), ""),
    (re.compile(r"\s*\[Op:\w+\](?: name:.*)?$"), ""),
    (re.compile(r" for '\{\{node .*$"), ""),
    (re.compile(r"\btensorflow/\S+\.cc:\d+ "), ""),
    (re.compile(r"(?<=[^\s.])\.?(Node number \d+ \(\w+\) failed to \w+)\.?$"), r" (\1)"),
)
