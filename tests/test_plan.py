"""Routes: shortest, each hop once, in an order that can be run; none is told with what can be reached."""

import itertools

import pytest

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.errors import NoRouteError, UsageError
from convertkit.plan import Hop, default_variant, plan, plan_route
from convertkit.registry import STAGES, StageRow, parse_variant

TORCH = Variant(Format.TORCH)
ONNX = Variant(Format.ONNX)
SAVEDMODEL = Variant(Format.SAVEDMODEL)
TFLITE = Variant(Format.TFLITE)
INT8 = Variant(Format.TFLITE, Precision.INT8)


def row(name, source, *targets):
    return StageRow(name, source, targets, "torch", STAGES[0].options, (), "")


def test_the_whole_chain():
    route = plan_route(TORCH, INT8)
    assert [hop.stage.name for hop in route] == [
        "torch_to_onnx",
        "onnx_to_savedmodel",
        "savedmodel_to_tflite",
    ]
    assert [hop.target for hop in route] == [ONNX, SAVEDMODEL, INT8]
    assert str(route[-1]) == "savedmodel:float32 → tflite:int8"


@pytest.mark.parametrize("source", [ONNX, SAVEDMODEL])
def test_a_pipeline_entered_midway(source):
    route = plan_route(source, INT8)
    assert route[0].source == source
    assert route == plan_route(TORCH, INT8)[-len(route) :]


def test_hops_join():
    for target in {variant for stage in STAGES for variant in stage.targets}:
        route = plan_route(TORCH, target)
        assert route[0].source == TORCH
        assert route[-1].target == target
        assert all(a.target == b.source for a, b in itertools.pairwise(route))


def test_the_shortest_route_wins_whatever_the_order_of_the_table():
    detour = [row("a", TORCH, ONNX), row("b", ONNX, SAVEDMODEL), row("c", SAVEDMODEL, TFLITE)]
    direct = row("direct", TORCH, TFLITE)
    for table in ([*detour, direct], [direct, *detour]):
        assert [hop.stage.name for hop in plan_route(TORCH, TFLITE, table)] == ["direct"]


@pytest.mark.parametrize("step", [1, -1])
def test_of_two_branches_the_shorter_one_wins(step):
    half = Variant(Format.TFLITE, Precision.FLOAT16)
    short = [row("short", TORCH, half), row("short2", half, INT8)]
    long = [row("a", TORCH, ONNX), row("b", ONNX, SAVEDMODEL), row("c", SAVEDMODEL, INT8)]
    route = plan_route(TORCH, INT8, [*short, *long][::step])
    assert [hop.stage.name for hop in route] == ["short", "short2"]


def test_a_circle_in_the_table_ends():
    table = [row("a", TORCH, ONNX), row("b", ONNX, TORCH)]
    with pytest.raises(NoRouteError):
        plan_route(TORCH, TFLITE, table)


def test_several_targets_share_their_hops():
    hops = plan(TORCH, [INT8, TFLITE, ONNX])
    assert len(set(hops)) == len(hops) == 4
    assert [hop.target for hop in hops] == [ONNX, SAVEDMODEL, INT8, TFLITE]


def test_a_source_stands_before_its_use():
    hops = plan(TORCH, [parse_variant(word) for word in ("tflite:int8", "onnx", "savedmodel", "tflite")])
    known = {TORCH}
    for hop in hops:
        assert hop.source in known
        known.add(hop.target)


def test_the_same_target_twice_is_one_hop():
    assert plan(TORCH, [ONNX, ONNX]) == plan(TORCH, [ONNX])


def test_no_route_lists_what_can_be_reached():
    with pytest.raises(NoRouteError) as caught:
        plan_route(TFLITE, ONNX)
    assert caught.value.exit_code == 3
    assert caught.value.message == "no route from tflite:float32 to onnx:float32"
    assert caught.value.hint == "from tflite:float32: nothing"
    with pytest.raises(NoRouteError) as caught:
        plan_route(ONNX, INT8, [row("a", ONNX, SAVEDMODEL)])
    assert caught.value.hint == "from onnx:float32: savedmodel:float32"


def test_the_source_itself_is_no_target():
    with pytest.raises(UsageError, match="already is onnx:float32"):
        plan_route(ONNX, ONNX)


def test_hops_are_equal_by_value():
    assert Hop(STAGES[0], TORCH, ONNX) == Hop(STAGES[0], TORCH, ONNX)


@pytest.mark.parametrize(
    ("word", "has_samples", "expected"),
    [
        ("tflite", True, "tflite:int8"),
        ("tflite", False, "tflite:float32"),
        ("tflite:float16", True, "tflite:float16"),
        ("tflite:float32", True, "tflite:float32"),
        ("onnx", True, "onnx"),
        ("nonsense", True, "nonsense"),
    ],
)
def test_plain_tflite_depends_on_the_samples(word, has_samples, expected):
    assert default_variant(word, has_samples=has_samples) == expected
