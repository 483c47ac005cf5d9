"""Options: what `auto` is spelled out into, and that every stage's options meet the protocol."""

import msgspec
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.config.stage_options import (
    OnnxToSavedmodelOptions,
    SavedmodelToTfliteOptions,
    TorchToOnnxOptions,
)
from convertkit.config.torch_options import TorchToTorchDynamicOptions, TorchToTorchFxOptions
from convertkit.registry import STAGES


def test_exporters_are_tried_in_turn():
    attempts = TorchToOnnxOptions(opset=21).attempts(precision=Precision.INT8, has_dynamic_axes=True)
    assert [attempt.exporter for attempt in attempts] == ["dynamo", "torchscript"]
    assert [attempt.converter for attempt in attempts] == ["dynamo", "torchscript"]
    assert {attempt.opset for attempt in attempts} == {21}


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_a_named_exporter_is_the_only_one(exporter):
    options = TorchToOnnxOptions(exporter=exporter)
    assert options.attempts(precision=Precision.INT8, has_dynamic_axes=True) == (options,)


def test_batches_go_from_dynamic_to_static():
    attempts = OnnxToSavedmodelOptions().attempts(precision=Precision.INT8, has_dynamic_axes=True)
    batches = [attempt.batch for attempt in attempts]
    assert batches.index("dynamic") < batches.index("static")


def test_without_dynamic_axes_there_is_no_dynamic_attempt():
    attempts = OnnxToSavedmodelOptions().attempts(precision=Precision.INT8, has_dynamic_axes=False)
    assert attempts
    assert {attempt.batch for attempt in attempts} == {"static"}


@pytest.mark.parametrize("batch", ["dynamic", "static"])
def test_a_named_batch_is_the_only_one(batch):
    attempts = OnnxToSavedmodelOptions(batch=batch).attempts(precision=Precision.INT8, has_dynamic_axes=True)
    assert {attempt.batch for attempt in attempts} == {batch}


def quantizers(precision, **options):
    attempts = SavedmodelToTfliteOptions(**options).attempts(precision=precision, has_dynamic_axes=True)
    return [attempt.quantizer for attempt in attempts]


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT16X8])
def test_two_quantizers_compete_where_either_may_be_better(precision):
    assert SavedmodelToTfliteOptions().are_rivals
    assert quantizers(precision) == ["tensorflow", "litert"]
    assert quantizers(precision, quantizer="litert") == ["litert"]
    assert quantizers(precision, quantizer="tensorflow") == ["tensorflow"]
    assert quantizers(precision, exclude=("x",)) == ["litert"]


def test_int8_dynamic_takes_the_second_quantizer_only_by_name_or_for_exclusions():
    assert quantizers(Precision.INT8_DYNAMIC) == ["tensorflow"]
    assert quantizers(Precision.INT8_DYNAMIC, quantizer="litert") == ["litert"]
    assert quantizers(Precision.INT8_DYNAMIC, exclude=("x",)) == ["litert"]


@pytest.mark.parametrize("quantizer", ["auto", "tensorflow", "litert"])
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.FLOAT16])
def test_floats_need_no_quantizer(precision, quantizer):
    assert quantizers(precision, quantizer=quantizer) == ["tensorflow"]


def test_pt2e_has_one_setting_and_needs_its_extra():
    assert TorchToTorchFxOptions(backend="pt2e").extra == "pt2e"
    assert TorchToTorchDynamicOptions(backend="pt2e").converter == "pt2e"
    for options in ({"per_channel": False}, {"calibration": "minmax"}, {"rounding": "compensated"}):
        with pytest.raises(ValueError, match="has one setting"):
            TorchToTorchFxOptions(backend="pt2e", **options)


def test_what_no_quantizer_can_do_is_refused():
    with pytest.raises(ValueError, match="tensorflow cannot exclude"):
        SavedmodelToTfliteOptions(quantizer="tensorflow", exclude=("x",))
    with pytest.raises(ValueError, match="no regular expression"):
        SavedmodelToTfliteOptions(exclude=("(",))


@pytest.mark.parametrize("row", STAGES, ids=lambda row: row.name)
@pytest.mark.parametrize("has_dynamic_axes", [True, False])
class TestEveryStage:
    def test_attempts_are_concrete_distinct_and_keep_the_rest(self, row, has_dynamic_axes):
        attempts = row.options().attempts(precision=Precision.INT8, has_dynamic_axes=has_dynamic_axes)
        assert attempts
        assert len(set(attempts)) == len(attempts)
        for attempt in attempts:
            assert type(attempt) is row.options
            assert attempt.converter != "auto"
            again = attempt.attempts(precision=Precision.INT8, has_dynamic_axes=has_dynamic_axes)
            assert again == (attempt,)  # what was tried can be asked for by name

    def test_attempts_survive_the_way_to_the_worker(self, row, has_dynamic_axes):
        for attempt in row.options().attempts(precision=Precision.INT8, has_dynamic_axes=has_dynamic_axes):
            assert msgspec.convert(msgspec.to_builtins(attempt), row.options) == attempt


class TestRounding:
    """`rounding` of the stages that calibrate INT8."""

    @staticmethod
    def ways(options, precision=Precision.INT8):
        attempts = options.attempts(precision=precision, has_dynamic_axes=True)
        return [attempt.rounding for attempt in attempts], [
            attempt.rounding for attempt in options.second_attempts(precision=precision)
        ]

    @pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT16X8])
    def test_compensation_comes_where_nearest_does_not_pass(self, precision):
        assert self.ways(SavedmodelToTfliteOptions(), precision) == (["nearest"] * 2, ["compensated"] * 2)
        assert self.ways(OnnxToOnnxInt8Options(), precision) == (["nearest"], ["compensated"])
        assert self.ways(TorchToTorchFxOptions()) == (["nearest"], ["compensated"])

    def test_best_makes_both_and_keeps_the_better(self):
        options = SavedmodelToTfliteOptions(rounding="best", quantizer="litert")
        assert self.ways(options) == (["nearest", "compensated"], [])
        assert options.are_rivals
        assert OnnxToOnnxInt8Options(rounding="best").are_rivals
        assert self.ways(TorchToTorchFxOptions(rounding="best")) == (["nearest", "compensated"], [])
        assert TorchToTorchFxOptions(rounding="best").are_rivals

    @pytest.mark.parametrize("kind", [SavedmodelToTfliteOptions, OnnxToOnnxInt8Options])
    def test_best_makes_min_max_too_where_other_ranges_were_chosen(self, kind):
        plain = kind(rounding="best").plain_attempts({"ranges"})
        assert {(each.rounding, each.ranges) for each in plain} == {("nearest", "minmax")}
        assert len(plain) == len({each.converter for each in plain}) > 0
        assert kind(rounding="best").plain_attempts({"heads"}) == ()
        assert kind(rounding="auto").plain_attempts({"ranges"}) == ()
        assert kind(rounding="best", ranges="chosen").plain_attempts({"ranges"}) == ()

    def test_a_scale_a_row_comes_where_one_for_all_does_not_pass(self):
        options = TorchToTorchDynamicOptions()
        (first,) = options.attempts(precision=Precision.INT8_DYNAMIC, has_dynamic_axes=True)
        (second,) = options.second_attempts(precision=Precision.INT8_DYNAMIC)
        assert (first.activations, second.activations) == ("per-tensor", "per-row")
        assert options.are_rivals
        assert not first.second_attempts(precision=Precision.INT8_DYNAMIC)
        pt2e = TorchToTorchDynamicOptions(backend="pt2e")
        assert not pt2e.second_attempts(precision=Precision.INT8_DYNAMIC)
        with pytest.raises(ValueError, match="pt2e has one setting"):
            TorchToTorchDynamicOptions(backend="pt2e", activations="per-row")

    @pytest.mark.parametrize("rounding", ["nearest", "compensated"])
    def test_what_is_named_is_the_only_way(self, rounding):
        assert self.ways(SavedmodelToTfliteOptions(rounding=rounding)) == ([rounding] * 2, [])
        assert self.ways(OnnxToOnnxInt8Options(rounding=rounding)) == ([rounding], [])
        assert self.ways(TorchToTorchFxOptions(rounding=rounding)) == ([rounding], [])

    @pytest.mark.parametrize("rounding", ["auto", "best", "nearest"])
    def test_pt2e_has_one_way_whatever_the_quality(self, rounding):
        assert self.ways(TorchToTorchFxOptions(backend="pt2e", rounding=rounding)) == (["nearest"], [])

    @pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.FLOAT16, Precision.INT8_DYNAMIC])
    @pytest.mark.parametrize("rounding", ["auto", "best", "compensated"])
    def test_what_is_not_calibrated_is_not_compensated(self, precision, rounding):
        assert self.ways(SavedmodelToTfliteOptions(rounding=rounding), precision) == (["nearest"], [])

    def test_the_grid_is_the_quantizers(self):
        assert SavedmodelToTfliteOptions(rounding="compensated").grid == 127
        assert OnnxToOnnxInt8Options(rounding="compensated").grid == 64
        assert OnnxToOnnxInt8Options(rounding="compensated", reduce_range=False).grid == 127
        for rounding in ("auto", "best", "nearest"):
            assert SavedmodelToTfliteOptions(rounding=rounding).grid == 0

    def test_pytorch_rounds_within_the_stage(self):
        options = TorchToTorchFxOptions(rounding="compensated")
        assert (options.grid, options.largest) == (0, 64)
        assert TorchToTorchFxOptions().largest == 0

    @pytest.mark.parametrize("engine", ["x86", "fbgemm"])
    def test_weights_and_activations_have_fifteen_bits_together_but_in_qnnpack(self, engine):
        for rounding, largest, reduces in (("nearest", 0, True), ("compensated", 64, False)):
            options = TorchToTorchFxOptions(engine=engine, rounding=rounding)
            assert (options.largest, options.reduces_range) == (largest, reduces)
            options = TorchToTorchFxOptions(engine="qnnpack", rounding=rounding)
            assert (options.largest, options.reduces_range) == (127 if largest else 0, False)

    @pytest.mark.parametrize(
        "kind", [SavedmodelToTfliteOptions, OnnxToOnnxInt8Options, TorchToTorchFxOptions]
    )
    def test_one_scale_for_all_channels_has_no_such_grid(self, kind):
        with pytest.raises(ValueError, match="per_channel has to be true"):
            kind(per_channel=False, rounding="compensated")
        assert self.ways(kind(per_channel=False))[1] == []
