"""What every conversion of a run is given besides its source: example inputs and calibration samples."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.artifacts.signature import Signature
from convertkit.artifacts.tensors import write_npz
from convertkit.samples.examples import example_arrays
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder


class HopInputs(msgspec.Struct, frozen=True):
    """Files under `repro/`, where replay scripts find them.

    Attributes:
        calibration: `.npz` of the calibration split; None where there is none.
        examples: `.npz` of one call's inputs.
        signature: of the run's source, which tells the batch axes.
    """

    calibration: Path | None
    examples: Path
    signature: Signature


def write_inputs(folder: RunFolder, intake: Intake) -> HopInputs:
    """Write the files of a run."""
    signature, split = intake.artifact.signature, intake.split
    examples, calibration = folder.repro / "examples.npz", folder.repro / "calibration.npz"
    write_npz(examples, example_arrays(intake.samples, signature.inputs))
    if split.calibration:
        write_npz(calibration, intake.samples.take(split.calibration))
    return HopInputs(calibration if split.calibration else None, examples, signature)
