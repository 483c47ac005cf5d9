"""Recurrent states, time-first tensors, masks and scalars beside a batch: converted, right at two sizes.

The oracle is PyTorch's own output; the `.tflite` is run by LiteRT's interpreter alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.signature import Arrays
from convertkit.hops.runner import HopRunner
from convertkit.report.report import HopRecord
from convertkit.run.pipeline import take_all_in
from convertkit.run.prepare import RunRequest, prepare
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.validation.validator import Validator
from convertkit.words import worded_recipe
from tests.conftest import Lab, sqnr_db

pytestmark = pytest.mark.slow


def convert(
    lab: Lab, model: Path, samples: Path | None, *to: str, **words: Any
) -> tuple[Intake, list[HopRecord], Path]:
    """A run without its latency, in the workers of the session."""
    recipe = worded_recipe(to=to or ("tflite:float32",), samples=samples, **words)
    prepared = prepare(RunRequest(model, recipe))
    with RunFolder(lab.path("run")) as folder:
        intake = take_all_in(prepared, lab.workers, folder)
        validator = Validator(lab.workers, intake, folder.scratch, recipe.gate, 1)
        runner = HopRunner(folder, lab.workers, intake, validator, recipe, None)
        return intake, [runner.run(hop) for hop in prepared.hops], folder.path


def passed(records: list[HopRecord]) -> None:
    """Raise where a hop did not pass."""
    assert [(record.target, record.error) for record in records if record.status != "passed"] == []


def run_tflite(file: Path, inputs: Arrays) -> Arrays:
    """Outputs of a `.tflite` by its signature, in LiteRT alone."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file))
    return interpreter.get_signature_runner("serving_default")(
        **{name: np.array(values, order="C") for name, values in inputs.items()}
    )  # type: ignore[no-any-return]


def agrees(file: Path, model: Any, *calls: Arrays) -> None:
    """Raise where the file does not give what PyTorch gives, at each of the sizes."""
    from tests.run.odd_signatures import expected

    for inputs in calls:
        got = run_tflite(file, inputs)
        for wanted in expected(model, inputs):
            nearest = max(
                (sqnr_db(wanted, values) for values in got.values() if values.shape == wanted.shape),
                default=None,
            )
            assert nearest is not None, (wanted.shape, {name: v.shape for name, v in got.items()})
            assert nearest >= 60


def npz(folder: Path, **arrays: np.ndarray) -> Path:
    """Arrays in a file."""
    np.savez(folder / "s.npz", **arrays)
    return folder / "s.npz"


class TestStates:
    """A state [layers, batch, hidden] in and out: case 04, with a GRU and with more layers."""

    @pytest.mark.parametrize(
        ("kind", "layers", "form"),
        [
            ("LSTM", 1, "as in a call"),
            ("LSTM", 1, "sample first"),
            ("LSTM", 1, "whole"),
            ("GRU", 3, "as in a call"),
            ("LSTM", 2, "as in a call"),
        ],
    )
    def test_the_batch_is_kept(self, lab: Lab, tmp_path: Path, kind: str, layers: int, form: str) -> None:
        from tests.run import odd_signatures as odd

        model = odd.Streaming(getattr(odd.nn, kind), layers)
        deep = 2 * layers if kind == "LSTM" else layers
        audio, state = odd.random(odd.COUNT, 5, 6), odd.random(deep, odd.COUNT, 10)
        file = odd.save(model, (audio[:3], state[:, :3]), ({0: odd.BATCH}, {1: odd.BATCH}), tmp_path)
        given = {
            "as in a call": state,
            "sample first": state.transpose(1, 0, 2),
            "whole": state.transpose(1, 0, 2)[:, :, np.newaxis],
        }[form]
        intake, records, out = convert(lab, file, npz(tmp_path, audio=audio, state=given))
        passed(records)
        assert intake.samples.count == odd.COUNT
        assert all(axis.kept and len(axis.sizes_checked) == 2 for r in records for axis in r.dynamic_axes)
        one, five = ({"audio": audio[:n], "state": state[:, :n]} for n in (1, 5))
        agrees(out / "model.tflite", model, one, five)

    @pytest.mark.parametrize(("kind", "layers"), [("LSTM", 1), ("GRU", 2), ("GRU", 1)])
    def test_a_fixed_batch_of_one(self, lab: Lab, tmp_path: Path, kind: str, layers: int) -> None:
        """Case 04b."""
        from tests.run import odd_signatures as odd

        model = odd.Streaming(getattr(odd.nn, kind), layers)
        deep = 2 * layers if kind == "LSTM" else layers
        audio, state = odd.random(odd.COUNT, 5, 6), odd.random(deep, odd.COUNT, 10)
        file = odd.save(model, (audio[:1], state[:, :1]), None, tmp_path)
        given = npz(tmp_path, audio=audio, state=state)
        intake, records, out = convert(lab, file, given, "tflite:float32", "tflite:int8")
        passed(records)  # INT8 too: its calibration crashes on loops without a dynamic tensor
        assert intake.samples.count == odd.COUNT
        agrees(out / "model.tflite", model, {"audio": audio[:1], "state": state[:, :1]})


@pytest.mark.parametrize(("kind", "is_both"), [("LSTM", False), ("GRU", True)])
def test_a_fixed_batch_of_one_without_a_state(lab: Lab, tmp_path: Path, kind: str, is_both: bool) -> None:
    """Case 24, and a bidirectional sibling; samples are stacked in front of the batch of one."""
    from tests.run import odd_signatures as odd

    model = odd.LastStep(getattr(odd.nn, kind), bidirectional=is_both)
    x = odd.random(odd.COUNT, 1, 5, 6)
    file = odd.save(model, (x[0],), None, tmp_path)
    intake, records, out = convert(lab, file, npz(tmp_path, x=x), "tflite:float32", "tflite:int8")
    passed(records)
    assert intake.samples.count == odd.COUNT
    agrees(out / "model.tflite", model, {"x": x[3]})


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 33), ({"bidirectional": True}, 7), ({"is_time_first": True}, 10)],
    ids=["case 26", "bidirectional", "time first"],
)
def test_an_output_whose_batch_is_not_first(
    lab: Lab, tmp_path: Path, options: dict[str, bool], count: int
) -> None:
    from tests.run import odd_signatures as odd

    model = odd.LastState(**options)
    place = int(bool(options.get("is_time_first")))
    x = np.moveaxis(odd.random(count, 5, 6), 0, place)
    file = odd.save(model, (np.take(x, range(3), place),), ({place: odd.BATCH},), tmp_path)
    intake, records, out = convert(lab, file, npz(tmp_path, x=x))
    passed(records)
    assert intake.samples.count == count
    assert [spec.batch_axis for spec in intake.artifact.signature.outputs] == [place, 1]
    assert all(axis.kept for record in records for axis in record.dynamic_axes)
    agrees(out / "model.tflite", model, *({"x": np.take(x, range(n), place)} for n in (1, 5)))


@pytest.mark.parametrize("form", ["once a sample", "once", "once a sample, as [1]"])
def test_a_scalar_beside_a_batch(lab: Lab, tmp_path: Path, form: str) -> None:
    """Case 19."""
    from tests.run import odd_signatures as odd

    model = odd.Tempered()
    x, kinds = odd.random(odd.COUNT, 8), np.arange(odd.COUNT * 8).reshape(-1, 8) % 2
    heat = np.linspace(0.5, 2, odd.COUNT, dtype=np.float32)
    scalar = np.asarray(heat[0])
    given = heat if form.startswith("once a") else scalar
    if form.endswith("[1]"):
        scalar, given = heat[:1], heat[:, np.newaxis]
    file = odd.save(model, (x[:3], kinds[:3], scalar), ({0: odd.BATCH}, {0: odd.BATCH}, {}), tmp_path)
    intake, records, out = convert(lab, file, npz(tmp_path, x=x, token_type=kinds, temperature=given))
    passed(records)
    assert [spec.batch_axis for spec in intake.artifact.signature.inputs] == [0, 0, None]
    assert any("no sample axis" in note for note in intake.samples.notes) == (form == "once")
    assert all(axis.kept for record in records for axis in record.dynamic_axes)
    calls = [{"x": x[:n], "token_type": kinds[:n], "temperature": scalar} for n in (1, 5)]
    agrees(out / "model.tflite", model, *calls)


@pytest.mark.parametrize("is_time_first", [False, True])
def test_a_mask_beside_a_batch(lab: Lab, tmp_path: Path, is_time_first: bool) -> None:
    from tests.run import odd_signatures as odd

    model = odd.Masked(is_time_first=is_time_first)
    time = 6
    src = odd.random(time, 24, 16) if is_time_first else odd.random(24, time, 16)
    mask = np.triu(np.full((time, time), -1e9, np.float32), 1)
    axes = {0: odd.TIME, 1: odd.BATCH} if is_time_first else {0: odd.BATCH, 1: odd.TIME}
    take = (slice(None), slice(3)) if is_time_first else (slice(3),)
    file = odd.save(model, (src[take], mask), (axes, {0: odd.TIME, 1: odd.TIME}), tmp_path)
    intake, records, out = convert(lab, file, npz(tmp_path, src=src, mask=mask))
    passed(records)
    assert intake.samples.count == 24
    assert all(axis.kept for record in records for axis in record.dynamic_axes)
    for batch, steps in ((1, 6), (4, 9)):
        longer = odd.random(steps, batch, 16) if is_time_first else odd.random(batch, steps, 16)
        triangle = np.triu(np.full((steps, steps), -1e9, np.float32), 1)
        agrees(out / "model.tflite", model, {"src": longer, "mask": triangle})


def test_two_inputs_with_different_free_axes(lab: Lab, tmp_path: Path) -> None:
    from tests.run import odd_signatures as odd

    model = odd.Apart()
    left, right = odd.random(24, 3, 16), odd.random(24, 2, 12)
    dynamic = ({0: odd.BATCH, 2: odd.WIDTH}, {0: odd.BATCH, 2: odd.TIME})
    file = odd.save(model, (left[:3], right[:3]), dynamic, tmp_path)
    _, records, out = convert(lab, file, npz(tmp_path, left=left, right=right), layout="source")
    passed(records)
    names = {axis.name for axis in records[-1].dynamic_axes}
    assert len(names) == 3
    assert all(axis.kept for record in records for axis in record.dynamic_axes)
    agrees(
        out / "model.tflite",
        model,
        {"left": left[:2], "right": right[:2]},
        {"left": odd.random(5, 3, 9), "right": odd.random(5, 2, 21)},
    )


def test_arrays_without_names_are_torchscripts_inputs_in_order(lab: Lab, tmp_path: Path) -> None:
    from tests.run import odd_signatures as odd

    model = odd.Apart().eval()
    left, right = odd.random(24, 3, 16), odd.random(24, 2, 12)
    traced = odd.torch.jit.trace(model, (odd.torch.from_numpy(left[:2]), odd.torch.from_numpy(right[:2])))
    traced.save(tmp_path / "m.pt")
    intake, records, _ = convert(lab, tmp_path / "m.pt", npz(tmp_path, arr_0=left, arr_1=right), "onnx")
    passed(records)
    assert [spec.name for spec in intake.artifact.signature.inputs] == ["left", "right"]
    np.testing.assert_array_equal(intake.samples.take([3])["right"], right[[3]])


def test_a_module_in_memory_takes_its_state(tmp_path: Path) -> None:
    import convertkit
    from tests.run import odd_signatures as odd

    samples = npz(tmp_path, audio=odd.random(40, 5, 6), state=odd.random(2, 40, 10))
    report = convertkit.convert(
        odd.Streaming(odd.nn.LSTM, 1),
        to="onnx",
        samples=samples,
        inputs=("audio:float32[batch,5,6]", "state:float32[2,batch,10]"),
        out=tmp_path / "run",
        settings=("bench.rounds=1",),
    )
    assert report.status == "passed"
    assert [(axis.input, axis.axis, axis.kept) for axis in report.hops[0].dynamic_axes] == [
        ("audio", 0, True),
        ("state", 1, True),
    ]
