"""What XNNPACK really takes of a file, by LiteRT's interpreter."""

from __future__ import annotations

from pathlib import Path

from convertkit.delegates.forecast import xnnpack_reasons
from convertkit.delegates.graph import read_graphs
from convertkit.report.report import Report


def taken_by_xnnpack(path: Path) -> tuple[set[int], int]:
    """Places of the operators of the main graph that it runs, and into how many parts they fall.

    The interpreter lists the operators of the file and, behind them, those that stand for a part: an operator
    belongs to one if it lies between the part's inputs and its outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=path.read_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    listed = interpreter._get_ops_details()
    own = [one for one in listed if one["op_name"] != "DELEGATE"]
    parts = [one for one in listed if one["op_name"] == "DELEGATE"]
    producers = {int(tensor): one for one in own for tensor in one["outputs"]}
    taken = set[int]()
    for part in parts:
        outside, wanted = set(map(int, part["inputs"])), list(map(int, part["outputs"]))
        while wanted:
            tensor = wanted.pop()
            if tensor in outside or tensor not in producers:
                continue
            outside.add(tensor)
            taken.add(int(producers[tensor]["index"]))
            wanted += [int(each) for each in producers[tensor]["inputs"] if each >= 0]
    return taken, len(parts)


def check_forecast(report: Report, folder: Path) -> int:
    """Hold what the report says of every `.tflite` beside what XNNPACK really takes; how many there were."""
    count = 0
    for hop in report.hops:
        if hop.delegation is None or hop.artifact is None:
            continue
        path, count = folder / hop.artifact.path, count + 1
        graph = read_graphs(path)[0]
        taken, parts = taken_by_xnnpack(path)
        assert {at for at, reason in xnnpack_reasons(graph).items() if not reason} == taken, hop.target
        row = hop.delegation.of("xnnpack")
        assert row is not None
        assert (row.taken, row.parts) == (len(taken), parts), hop.target
    return count
