"""Matching and ranking on traces made by hand: what is a counterpart, what is lost, and who is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.tensors import write_npz
from convertkit.attribution.match import match
from convertkit.attribution.rank import lost_fraction, rank, with_nan
from convertkit.attribution.specials import fit_db
from convertkit.attribution.trace import Trace
from convertkit.render.blame import render_blame
from convertkit.render.blame_plot import plot_blame
from convertkit.report.blame import Blame
from convertkit.workers.answers import TracedTensor

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.normal(size=(6, 4, 5, 7)).astype(np.float32)
CHANNELS_LAST = (0, 2, 3, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def made(folder: Path, name: str, *steps: tuple[TracedTensor, np.ndarray]) -> Trace:
    """A trace of these tensors and values."""
    file = folder / f"{name}.npz"
    write_npz(file, {str(position): values for position, (_, values) in enumerate(steps)})
    return Trace(tuple(tensor for tensor, _ in steps), file)


def step(name: str, *inputs: str, operator: str = "Conv", module: str = "", aliases: tuple[str, ...] = ()):
    return TracedTensor(name, operator, inputs, aliases, module)


def integers(name: str, *inputs: str, operator: str = "CONV_2D") -> TracedTensor:
    return TracedTensor(name, operator, inputs, (), "", True)


def rounded(values: np.ndarray) -> np.ndarray:
    """As eight bits with one scale hold them."""
    scale = np.abs(values).max() / 127
    return (np.round(values / scale) * scale).astype(np.float32)


class TestLost:
    def test_nothing_is_lost_without_an_error(self) -> None:
        assert lost_fraction(IMAGE, IMAGE) == 0

    def test_one_huge_channel_takes_the_others_with_it_though_sqnr_is_high(self) -> None:
        values = IMAGE.copy()
        values[:, 2] *= 1000
        assert lost_fraction(values, rounded(values)) == pytest.approx(0.75, abs=0.02)
        assert lost_fraction(IMAGE, rounded(IMAGE)) < 0.01

    def test_a_channel_that_is_always_the_same_has_nothing_to_lose(self) -> None:
        values = IMAGE.copy()
        values[:, 1] = 3.0
        noisy = values.copy()
        noisy[:, 1] += 0.01
        assert lost_fraction(values, noisy) < 1e-4  # along the other axes

    def test_noise_beyond_the_signal_counts_once(self) -> None:
        assert lost_fraction(IMAGE, -9 * IMAGE) == 1

    def test_what_is_not_finite_is_lost(self) -> None:
        broken = IMAGE.copy()
        broken[0, 0, 0, 0] = np.nan
        assert lost_fraction(IMAGE, broken) == 1


class TestMatch:
    def test_by_name_under_a_permutation(self, folder: Path) -> None:
        reference = made(folder, "a", (step("x"), IMAGE))
        candidate = made(folder, "b", (step("y", aliases=("x",)), IMAGE.transpose(CHANNELS_LAST)))
        found = match(reference, candidate)[0]
        assert (found.reference, found.order) == (0, CHANNELS_LAST)

    def test_by_value_where_names_are_lost(self, folder: Path) -> None:
        other = RANDOM.normal(size=IMAGE.shape).astype(np.float32)
        reference = made(folder, "a", (step("p"), other), (step("q"), IMAGE))
        candidate = made(folder, "b", (step("z"), IMAGE.transpose(CHANNELS_LAST)))
        found = match(reference, candidate)[0]
        assert (found.reference, found.order) == (1, CHANNELS_LAST)

    def test_nothing_alike_is_no_counterpart(self, folder: Path) -> None:
        reference = made(folder, "a", (step("p"), RANDOM.normal(size=IMAGE.shape).astype(np.float32)))
        assert match(reference, made(folder, "b", (step("z"), IMAGE))) == {}

    def test_a_step_within_an_operator_is_not_its_result(self, folder: Path) -> None:
        reference = made(folder, "a", (step("conv"), IMAGE))
        candidate = made(
            folder,
            "b",
            (step("s/Conv2D", aliases=("conv",)), IMAGE - 0.01),
            (step("s/Add", aliases=("conv",)), IMAGE),
        )
        assert list(match(reference, candidate)) == [1]


class TestRank:
    def traces(self, folder: Path) -> tuple[Trace, Trace]:
        """a → b, whose second channel is huge → c, which undoes it."""
        huge = IMAGE.copy()
        huge[:, 1] *= 1000
        undone = huge.copy()
        undone[:, 1] /= 1000
        coarse = rounded(huge)
        restored = coarse.copy()
        restored[:, 1] /= 1000
        names = [step("a", module="m.a"), step("b", "a", module="m.b"), step("c", "b", module="m.c")]
        reference = made(folder, "r", *zip(names, (IMAGE, huge, undone), strict=True))
        candidate = made(folder, "c", *zip(names, (rounded(IMAGE), coarse, restored), strict=True))
        return candidate, reference

    def test_the_operator_that_loses_is_first_though_later_ones_look_worse(self, folder: Path) -> None:
        rows, unmatched = rank(*self.traces(folder))
        assert rows[0].module == "m.b"
        by_name = {row.tensor: row for row in rows}
        assert by_name["c"].sqnr_db < by_name["b"].sqnr_db
        assert by_name["c"].added < 0.01 < 0.5 < by_name["b"].added
        assert not unmatched

    def test_the_first_drop_is_in_the_order_of_execution(self, folder: Path) -> None:
        rows, _ = rank(*self.traces(folder))
        blame = Blame("onnx:int8", "onnx:float32", 6, rows)
        assert blame.first_drop is not None
        assert blame.first_drop.tensor == "b"
        assert [row.tensor for row in blame.in_order] == ["a", "b", "c"]

    def test_a_change_of_scale_is_charged_to_the_operator_that_asked_for_it(self, folder: Path) -> None:
        small, large = IMAGE / 1000, IMAGE
        joined = np.concatenate([small, large], axis=1)
        coarse = rounded(joined)
        reference = made(folder, "r", (step("s"), small), (step("l"), large), (step("cat", "s", "l"), joined))
        candidate = made(
            folder,
            "c",
            (integers("s"), rounded(small)),
            (integers("l"), rounded(large)),
            (integers("s2", "s", operator="QUANTIZE"), coarse[:, :4]),
            (integers("s3", "s2", operator="RESHAPE"), coarse[:, :4]),
            (integers("cat", "s3", "l", operator="CONCATENATION"), coarse),
        )
        rows, _ = rank(candidate, reference)
        assert (rows[0].tensor, rows[0].added) == ("cat", pytest.approx(0.5, abs=0.02))
        assert not {"s2", "s3"} & {row.tensor for row in rows}

    def test_modules_of_operators_that_became_one_are_all_named(self, folder: Path) -> None:
        source = made(
            folder,
            "s",
            (step("conv", module="m.conv"), IMAGE),
            (step("relu", "conv", operator="Relu", module="m.act"), np.maximum(IMAGE, 0)),
        )
        fused = made(
            folder, "f", (step("relu/Relu;conv/Conv2D", aliases=("relu", "conv")), np.maximum(IMAGE, 0))
        )
        rows, _ = rank(fused, fused, (source,))
        assert rows[0].modules == ("m.conv", "m.act")
        assert rows[0].module == "m.conv"

    def test_the_same_blame_gives_the_same_text_and_plot(self, folder: Path) -> None:
        rows, unmatched = rank(*self.traces(folder))
        blame = Blame("onnx:int8", "onnx:float32", 6, rows, unmatched)
        text = render_blame(blame)
        assert "First drop: m.b (Conv) loses" in text
        assert text.splitlines()[3].split()[-2:] == ["m.b", "b"]
        for name in ("one", "two"):
            plot_blame(blame, folder / f"{name}.svg")
        assert (folder / "one.svg").read_bytes() == (folder / "two.svg").read_bytes()
        assert "m.b" in (folder / "one.svg").read_text()


class TestNan:
    """Tensors with NaN are matched by where it stands, and come first."""

    def holed(self, values: np.ndarray, *rows: int) -> np.ndarray:
        values = values.copy()
        values[list(rows), 1] = np.nan
        return values

    def test_the_same_tensor_with_nan_at_the_same_places_is_matched_by_name(self, folder: Path) -> None:
        values = self.holed(IMAGE, 0, 2)
        reference = made(folder, "r", (step("a"), values))
        candidate = made(folder, "c", (step("a"), rounded_but_nan(values)))
        rows, unmatched = rank(candidate, reference)
        assert not unmatched
        assert rows[0].nan == pytest.approx(2 / 6 / 4)
        assert rows[0].nan_apart == 0
        assert rows[0].lost < 0.01
        assert rows[0].sqnr_db > 30

    def test_names_that_are_gone_are_found_by_value_and_by_where_nan_stands(self, folder: Path) -> None:
        one, other = self.holed(IMAGE, 0, 2), self.holed(IMAGE, 1, 3)
        reference = made(folder, "r", (step("one"), one), (step("other"), other))
        candidate = made(folder, "c", (step("x"), other.transpose(CHANNELS_LAST)))
        found = match(reference, candidate)
        assert found[0].reference == 1
        assert found[0].order == CHANNELS_LAST

    def test_nan_comes_before_every_loss_and_what_only_one_side_has_before_all(self, folder: Path) -> None:
        bad, late = self.holed(IMAGE, 0), self.holed(IMAGE, 4)
        names = [step(name, module=f"m.{name}") for name in ("loss", "both", "late", "alone")]
        reference = made(folder, "r", *zip(names, (IMAGE, bad, late, IMAGE), strict=True))
        candidate = made(folder, "c", *zip(names, (IMAGE * 0, bad, late, bad), strict=True))
        rows, unmatched = rank(candidate, reference)
        assert [row.tensor for row in rows] == ["alone", "both", "late", "loss"]
        assert rows[0].lost == 1.0
        blame = Blame("onnx:int8", "onnx:float32", 6, rows, unmatched)
        assert blame.first_nan == rows[0]
        assert "First NaN: m.alone (Conv)" in render_blame(blame)
        assert "on one side only" in render_blame(blame)

    def test_nan_as_in_the_reference_is_said_to_be_so(self, folder: Path) -> None:
        values = self.holed(IMAGE, 0)
        trace = made(folder, "r", (step("a", module="m.a", operator="Softmax"), values))
        blame = Blame("onnx:int8", "onnx:float32", 6, *rank(trace, trace))
        assert "First NaN: m.a (Softmax) gives NaN in 4.2 % of its values, as the reference does" in (
            render_blame(blame)
        )

    def test_a_tensor_with_nan_and_without_a_counterpart_is_told_by_name(self, folder: Path) -> None:
        reference = made(folder, "r", (step("a"), IMAGE))
        candidate = made(folder, "c", (step("a"), IMAGE), (step("b"), self.holed(IMAGE[..., :3], 0)))
        rows, unmatched = rank(candidate, reference)
        assert with_nan(candidate, unmatched) == ("b",)
        blame = Blame("onnx:int8", "onnx:float32", 6, rows, unmatched, unmatched_nan=("b",))
        assert "NaN in b" in render_blame(blame)

    def test_a_mask_of_minus_infinity_is_no_loss(self, folder: Path) -> None:
        mask = np.where(IMAGE > 0, 0, -np.inf).astype(np.float32)
        rows, _ = rank(made(folder, "c", (step("a"), mask)), made(folder, "r", (step("a"), mask)))
        assert (rows[0].lost, rows[0].nan, rows[0].sqnr_db) == (0, 0, 200)

    @pytest.mark.parametrize(("value", "lost"), [(np.finfo(np.float32).min, 0), (-1e4, 1)])
    def test_the_largest_number_of_the_type_stands_for_infinity(
        self, value: float, lost: float, folder: Path
    ) -> None:
        masked = np.where(IMAGE > 0, IMAGE, -np.inf).astype(np.float32)
        other = np.where(IMAGE > 0, IMAGE, value).astype(np.float32)
        rows, _ = rank(made(folder, "c", (step("a"), other)), made(folder, "r", (step("a"), masked)))
        assert rows[0].lost == lost
        assert (rows[0].sqnr_db == 200) == (lost == 0)

    def test_a_mask_is_matched_by_value_whatever_stands_for_infinity(self, folder: Path) -> None:
        masked = np.where(IMAGE > 0, IMAGE, -np.inf).astype(np.float32)
        largest = np.where(IMAGE > 0, IMAGE, np.finfo(np.float32).min).astype(np.float32)
        reference = made(folder, "r", (step("one"), -IMAGE), (step("other"), masked))
        found = match(reference, made(folder, "c", (step("x"), largest)))
        assert found[0].reference == 1


def test_an_input_that_was_not_written_down_is_passed_over(folder: Path) -> None:
    """Tracers keep tensors of floats only; a mask of booleans is the input of a `Where` all the same."""
    trace = made(folder, "c", (step("a"), IMAGE), (step("b", "mask", "a", module="m.b"), IMAGE * 2))
    rows, _ = rank(trace, trace)
    assert {row.tensor for row in rows} == {"a", "b"}
    assert trace.before(1, {0}.__contains__) == [0]


def rounded_but_nan(values: np.ndarray) -> np.ndarray:
    """As eight bits hold what is not NaN."""
    return np.where(np.isnan(values), np.nan, rounded(np.nan_to_num(values))).astype(np.float32)


@pytest.mark.parametrize(("wrong", "most"), [(0.5, 0.0), (0.1, 9.6), (1.0, -200.0)])
def test_nan_at_other_places_bounds_the_fit(wrong: float, most: float) -> None:
    values = np.ones(10)
    holed = np.where(np.arange(10) < 10 * wrong, np.nan, values)
    assert fit_db(values, holed) == pytest.approx(most, abs=0.1)
    assert fit_db(holed, holed) == 200
