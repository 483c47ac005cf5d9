"""What a run says beforehand of the workers that it will ask."""

import pytest

from convertkit.artifacts.formats import Format, Variant
from convertkit.plan import plan
from convertkit.registry import parse_variant
from convertkit.run.ahead import expect_checks
from convertkit.run.prepare import modules_of


class Told:
    """Takes what would be started."""

    def __init__(self):
        self.begun = []

    def expect(self, environment):
        self.begun.append(environment)

    def expect_fresh(self, environment):
        self.begun.append(f"fresh {environment}")


def begun(*targets, source=Format.TORCH):
    targets = [parse_variant(target) for target in targets]
    told = Told()
    for hop in plan(Variant(source), targets):
        expect_checks(told, targets, hop)
    return told.begun


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (("tflite:int8",), ["field", "fresh litert"]),
        (("onnx",), ["fresh onnx"]),
        (("savedmodel",), []),
        (("onnx", "tflite"), ["fresh onnx", "field", "fresh litert"]),
    ],
)
def test_what_checks_of_a_hop_need_is_started_with_it(targets, expected):
    assert begun(*targets) == expected


def test_workers_are_told_what_the_run_uses_and_no_more():
    modules = modules_of(Format.TORCH, plan(Variant(Format.TORCH), [parse_variant("tflite:int8")]))
    assert list(modules) == ["torch", "onnx", "tf", "litert"]
    assert modules["onnx"] == {"convertkit.runtimes.onnxruntime"}
    assert "convertkit.runtimes.keras" not in modules["tf"]
    keras = modules_of(Format.KERAS, plan(Variant(Format.KERAS), [parse_variant("tflite")]))
    assert {"convertkit.runtimes.keras", "convertkit.stages.keras_to_savedmodel"} <= keras["tf"]
