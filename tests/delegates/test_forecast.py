"""What is told of a whole `.tflite`: shares, parts, reasons, and what the gate makes of them."""

from __future__ import annotations

import pytest

from convertkit.delegates.forecast import Delegation, forecast
from convertkit.delegates.parts import count_parts
from tests.delegates.made import Drawn, graph, operator

t = Drawn()
X = t(1, 8)
INDEX = t.constant(4, type="int64", shape=())


def row_of(found, delegate):
    """A delegate's row, which is there."""
    row = found.of(delegate)
    assert row is not None
    return row


def chain(*kinds):
    """Operators one after another, each on what the last gives."""
    steps, last = [], X
    for kind in kinds:
        made = t(1, 8)
        inputs = [last, INDEX] if kind == "GATHER" else [last]
        steps.append(operator(kind, inputs, [made]))
        last = made
    return graph(*steps)


class TestParts:
    def test_what_is_left_cuts_the_share(self) -> None:
        one = chain("RELU", "GATHER", "RELU", "TANH")
        assert count_parts(one, {0, 2, 3}) == 2
        assert count_parts(one, {0, 1, 2, 3}) == 1
        assert count_parts(one, set()) == 0

    def test_branches_that_are_ready_join_one_part(self) -> None:
        left, other, joined = t(1, 8), t(1, 8), t(1, 8)
        one = graph(
            operator("GATHER", [X, INDEX], [left]),
            operator("RELU", [X], [other]),
            operator("ADD", [left, other], [joined]),
        )
        assert count_parts(one, {1, 2}) == 1

    def test_an_operator_that_nothing_feeds_ends_the_count(self) -> None:
        one, other = t(1, 8), t(1, 8)
        assert (
            count_parts(graph(operator("RELU", [other], [one]), operator("RELU", [one], [other])), {0}) == 0
        )


def test_operators_are_told_by_kind_and_reason_the_most_first() -> None:
    found = forecast([chain("GATHER", "RELU", "GATHER", "RELU", "ROUND")])
    row = row_of(found, "gpu")
    assert (found.operators, row.taken, row.parts, row.is_full) == (5, 2, 2, False)
    assert [each.describe() for each in row.fallbacks] == [
        "GATHER x2: indices of 0 axes",
        "ROUND: not supported",
    ]
    assert len(row.fallbacks[0].tensors) == 2
    assert row_of(found, "xnnpack").taken == 3


def test_all_subgraphs_count() -> None:
    found = forecast([chain("RELU"), chain("RELU", "GATHER")])
    assert (found.operators, row_of(found, "gpu").taken, row_of(found, "gpu").parts) == (3, 2, 2)


@pytest.mark.parametrize("delegate", ["gpu", "nnapi"])
def test_a_tensor_that_a_run_sizes_keeps_these_delegates_off(delegate) -> None:
    made = t(1, 8)
    found = forecast([graph(operator("RESHAPE", [X, t(2, type="int32")], [made]))])
    assert found.dynamic_tensors == (made.name,)
    assert f"'{made.name}'" in found.fault(delegate)
    assert row_of(found, "xnnpack").refused == ""


def test_the_fault_names_operators_and_how_many_more() -> None:
    found = forecast([chain("GATHER", "RELU", "ROUND", "REVERSE_V2", "ZEROS_LIKE")])
    assert found.fault("xnnpack").startswith(
        "XNNPACK leaves 3 of 5 operators to the CPU: GATHER: not supported; "
    )
    assert found.fault("gpu").endswith("and 1 more")
    assert forecast([chain("RELU")]).fault("gpu") == ""


class TestUnpackedConstants:
    @staticmethod
    def unpacked(user, type="float16"):
        packed, weights, made = t.weights(5, 8, type=type), t(5, 8), t(1, 5)
        inputs = [X, weights, None] if user == "FULLY_CONNECTED" else [weights, INDEX]
        return graph(operator("DEQUANTIZE", [packed], [weights]), operator(user, inputs, [made]))

    @pytest.mark.parametrize("delegate", ["xnnpack", "gpu"])
    def test_halves_go_with_the_operator_that_takes_them(self, delegate) -> None:
        assert row_of(forecast([self.unpacked("FULLY_CONNECTED")]), delegate).is_full

    @pytest.mark.parametrize("delegate", ["xnnpack", "gpu"])
    def test_and_stay_with_one_that_is_left(self, delegate) -> None:
        found = row_of(forecast([self.unpacked("GATHER")]), delegate)
        assert "DEQUANTIZE: feeds GATHER" in [each.describe() for each in found.fallbacks]

    def test_bytes_are_unpacked_by_xnnpack_alone(self) -> None:
        found = forecast([self.unpacked("FULLY_CONNECTED", "int8")])
        assert row_of(found, "xnnpack").is_full
        assert row_of(found, "gpu").is_full  # as an operator of its own


def test_an_operator_without_its_inputs_is_left() -> None:
    found = forecast([graph(operator("GATHER", [X], [t(1, 8)]), operator("MEAN", [X], [t(1)]))])
    reasons = {each.reason for row in found.delegates for each in row.fallbacks}
    assert "inputs or outputs that do not fit" in reasons


def test_of_a_delegate_that_a_report_does_not_tell_of_nothing_is_known() -> None:
    assert "not known" in Delegation(1, (), ()).fault("gpu")
