"""A refined FX graph: its weights on the grid that torch.ao finds, its outputs nearer, means as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn
from torch.ao.quantization import observer, quantize_fx

from convertkit.quantization import calls
from convertkit.quantization.fx_layers import FxLayer, columns_of, find_layers, rows_of, set_rows
from convertkit.quantization.fx_refinement import FxRefined, refine_graph
from convertkit.quantization.fx_walk import Unobserved
from convertkit.quantization.hessian import rounded_to_nearest
from tests.conftest import sqnr_db
from tests.quantization.fx_models import OPTIONS, Forms, inputs, network, one_by_one, prepared

pytestmark = pytest.mark.slow

LARGEST = OPTIONS.largest
LAYERS = ["first", "depthwise", "point", "last"]


def targets(layers: list[FxLayer]) -> list[str]:
    """Their paths."""
    return [str(layer.node.target) for layer in layers]


def outputs(graph: fx.GraphModule, values: Tensor) -> Any:
    """What a prepared graph gives without its observers."""
    return Unobserved(graph).run(values).numpy()


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    """As in the stage."""
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def refined() -> tuple[fx.GraphModule, FxRefined, list[str]]:
    """The network refined, what was done, and the lines of its progress."""
    with torch.no_grad():
        graph, lines = prepared(network(), inputs()), list[str]()
        return graph, refine_graph(graph, one_by_one(inputs()), LARGEST, lines.append), lines


def test_every_layer_is_rounded_and_told(refined: Any) -> None:
    graph, done, lines = refined
    assert done == FxRefined(layers=4, left=0, calls=24)
    assert targets(find_layers(graph)) == LAYERS
    assert lines[0] == "layer 1 of 4: first [16, 3, 3, 3]"
    assert len(lines) == 4


def test_it_is_nearer_on_samples_that_it_has_not_seen(refined: Any) -> None:
    values, plain = inputs(16, seed=99), prepared(network(), inputs())
    wanted = outputs(plain, values)
    for layer in find_layers(plain):
        set_rows(layer, rounded_to_nearest(rows_of(layer), LARGEST))
    assert sqnr_db(wanted, outputs(refined[0], values)) > sqnr_db(wanted, outputs(plain, values)) + 3


def test_the_mean_of_its_output_is_that_of_the_float_graph(refined: Any) -> None:
    wanted = outputs(prepared(network(), inputs()), inputs()).mean(0)
    np.testing.assert_allclose(outputs(refined[0], inputs()).mean(0), wanted, atol=2e-5)


def test_a_layer_without_a_bias_gets_one() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    graph = prepared(model, inputs())
    refine_graph(graph, one_by_one(inputs()), LARGEST)
    assert graph.get_submodule("0").bias.shape == (4,)


def test_torch_ao_finds_the_same_integers() -> None:
    graph = prepared(network(), inputs())
    refine_graph(graph, one_by_one(inputs()), LARGEST)
    graph(inputs())
    rows = {str(layer.node.target): rows_of(layer) for layer in find_layers(graph)}
    made = quantize_fx.convert_fx(graph)
    for name in LAYERS:
        weight = made.get_submodule(name).weight()
        wanted = rows[name] / np.abs(rows[name]).max(-1, keepdims=True) * LARGEST
        np.testing.assert_allclose(weight.int_repr().numpy().reshape(wanted.shape), wanted, atol=1e-4)


def test_no_observer_has_seen_anything(refined: Any) -> None:
    watching = [each for each in refined[0].modules() if isinstance(each, observer.ObserverBase)]
    assert len(watching) > 4
    assert all(each.min_val.numel() == 0 or each.min_val == float("inf") for each in watching)


def test_the_same_calls_give_the_same_weights(refined: Any) -> None:
    again = prepared(network(), inputs())
    refine_graph(again, one_by_one(inputs()), LARGEST)
    states = refined[0].state_dict(), again.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("name", ["first", "depthwise"])
def test_a_layer_is_rows_times_columns(name: str) -> None:
    graph = prepared(network(), inputs())
    (layer,) = (each for each in find_layers(graph) if str(each.node.target) == name)
    given = inputs(2, shape=(layer.module.weight.shape[1] * layer.groups, 9, 8))
    product = rows_of(layer) @ columns_of(layer, given, 1 << 20, np.random.default_rng(0)).swapaxes(1, 2)
    wanted = layer.module(given) - layer.module.bias.reshape(-1, 1, 1)
    product = product.reshape(16, 2, -1).swapaxes(0, 1)
    np.testing.assert_allclose(product, wanted.reshape(product.shape).numpy(), atol=1e-4)


def test_layers_of_other_forms_stay_as_they_are() -> None:
    torch.manual_seed(0)
    model, values = Forms().eval(), inputs(shape=(4, 12))
    graph = prepared(model, values)
    before = {name: each.clone() for name, each in graph.state_dict().items()}
    assert refine_graph(graph, one_by_one(values), LARGEST) == FxRefined(layers=1, left=0, calls=24)
    after = graph.state_dict()
    changed = {name for name, values in before.items() if not torch.equal(values, after[name])}
    assert changed == {"rounded.weight", "rounded.bias"}


def test_a_layer_that_is_too_wide_is_rounded_to_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convertkit.quantization.hessian.MOST_ENTRIES", 300)
    graph, plain = (prepared(network(), inputs()) for _ in range(2))
    assert refine_graph(graph, one_by_one(inputs()), LARGEST) == FxRefined(layers=2, left=2, calls=24)
    wanted = rounded_to_nearest(rows_of(find_layers(plain)[0]), LARGEST)
    np.testing.assert_allclose(rows_of(find_layers(graph)[0]), wanted, rtol=1e-6)


def test_calls_that_do_not_fit_into_memory_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_BYTES", 10 * 16 * 6 * 6 * 4)
    monkeypatch.setattr(calls, "FEWEST_CALLS", 2)
    graph = prepared(network(), inputs())
    wanted = outputs(graph, inputs())
    assert 2 <= refine_graph(graph, one_by_one(inputs()), LARGEST).calls < 24
    assert sqnr_db(wanted, outputs(graph, inputs())) > 25


def test_an_operator_that_writes_over_its_input_leaves_the_calls() -> None:
    model = nn.Sequential(
        nn.ReLU(inplace=True), nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1)
    )
    given = inputs()
    before = given.clone()
    graph = prepared(model, given.clone())
    refine_graph(graph, one_by_one(given), LARGEST)
    assert torch.equal(given, before)
