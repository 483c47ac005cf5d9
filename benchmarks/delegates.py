"""The rules of `convertkit.delegates` beside what XNNPACK takes, and what TFLite's analyzer says of GPUs.

`python -m benchmarks.delegates FOLDER… [--analyzer PYTHON]` looks at every `.tflite` below the folders, and
prints how many operators agree, and every one that does not. PYTHON is an interpreter with TensorFlow 2.15,
whose analyzer still checks operators; 2.21's calls every model compatible.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from convertkit.delegates.forecast import xnnpack_reasons
from convertkit.delegates.gpu.rules import CHECKS
from convertkit.delegates.graph import Graph, read_graphs
from convertkit.delegates.parts import count_parts
from convertkit.errors import ModelFileError
from tests.delegates.real import taken_by_xnnpack

ANALYZE = """
import json, sys
from tensorflow.lite.python.analyzer_wrapper import _pywrap_analyzer_wrapper as wrapper
for path in sys.stdin.read().splitlines():
    text = wrapper.ModelAnalyzer(path, True, True)
    print(json.dumps([path, [line for line in text.splitlines() if "at nodes" in line]]), flush=True)
"""
NODES = re.compile(r"Subgraph#(\d+) has GPU delegate compatibility issues at nodes ([\d, ]+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--analyzer", help="an interpreter with TensorFlow 2.15")
    asked = parser.parse_args()
    files = sorted({file for folder in asked.folders for file in folder.rglob("*.tflite")})
    graphs = {file: found for file in files if (found := readable(file))}
    compare_xnnpack(graphs)
    if asked.analyzer:
        compare_gpu(graphs, asked.analyzer)


def readable(file: Path) -> tuple[Graph, ...]:
    """The graphs of a file that LiteRT opens; nothing of others."""
    try:
        Interpreter(model_content=file.read_bytes(), num_threads=1).allocate_tensors()
        return read_graphs(file)
    except (ModelFileError, RuntimeError, ValueError):
        return ()


def compare_xnnpack(graphs: dict[Path, tuple[Graph, ...]]) -> None:
    """Operators of main graphs, and the parts that they fall into."""
    same = apart = 0
    for file, (graph, *_) in graphs.items():
        taken, parts = taken_by_xnnpack(file)
        found = xnnpack_reasons(graph)
        used = set(used_operators(graph))
        for at, reason in found.items():
            is_same = at not in used or (at in taken) is (not reason)
            same, apart = same + is_same, apart + (not is_same)
            if not is_same:
                print(f"{file}, operator {at}, {graph.operators[at].kind}: {reason or 'taken'}")
        mine = count_parts(graph, {at for at, reason in found.items() if not reason})
        if mine != parts:
            print(f"{file}: {mine} parts, really {parts}")
    print(f"XNNPACK: {len(graphs)} files, {same} operators agree, {apart} do not")


def used_operators(graph: Graph) -> Iterator[int]:
    """Places of the operators that something needs: of others the interpreter does not tell who runs them."""
    wanted = [tensor.place for tensor in graph.outputs]
    seen = set[int]()
    while wanted:
        at = graph.producers.get(wanted.pop())
        if at is not None and at not in seen:
            seen.add(at)
            yield at
            wanted += [tensor.place for tensor in graph.operators[at].given]


def compare_gpu(graphs: dict[Path, tuple[Graph, ...]], python: str) -> None:
    """Operators of all graphs, by the checks that the analyzer has too: types and rank it does not ask."""
    answer = subprocess.run(
        [python, "-c", ANALYZE], input="\n".join(map(str, graphs)), capture_output=True, text=True, check=True
    )
    same = apart = 0
    for path, lines in map(json.loads, answer.stdout.splitlines()):
        found = (NODES.search(line) for line in lines)
        left = {int(one[1]): set(map(int, one[2].split(","))) for one in found if one}
        for number, graph in enumerate(graphs[Path(path)]):
            for at, operator in enumerate(graph.operators):
                check = CHECKS.get(operator.kind)
                reason = check(operator) if check else "not supported"
                is_same = bool(reason) is (at in left.get(number, set()))
                same, apart = same + is_same, apart + (not is_same)
                if not is_same:
                    print(f"{path}, graph {number}, operator {at}, {operator.kind}: {reason or 'taken'}")
    print(f"GPU delegate: {len(graphs)} files, {same} operators agree, {apart} do not")


if __name__ == "__main__":
    sys.exit(main())
