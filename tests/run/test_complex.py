"""Complex outputs: the real and the imaginary part as two outputs, said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Lab, sqnr_db
from tests.pytorch import odd_sources as odd
from tests.run.test_odd_signatures import convert, npz, passed, run_tflite

pytestmark = pytest.mark.slow
X = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)


@pytest.mark.parametrize("form", [".pt2", "state dict"])
def test_a_spectrum(lab: Lab, tmp_path: Path, form: str) -> None:
    model, file = odd.Spectrum().eval(), tmp_path / "spectrum.pt2"
    words = {}
    if form == "state dict":
        torch.save(model.state_dict(), file)
        words["factory"] = "tests.pytorch.odd_sources:Spectrum"
    else:
        example = (torch.from_numpy(X[:2]),)
        shapes = ({0: torch.export.Dim("batch")},)
        torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), file)
    intake, records, folder = convert(lab, file, npz(tmp_path, x=X), **words)
    passed(records)
    assert intake.samples.notes == (
        "output 'spectrum' is complex: its parts are 'spectrum_real' and 'spectrum_imag'",
    )
    got = run_tflite(folder / "model.tflite", {"x": X[:5]})
    with torch.no_grad():
        wanted = model(torch.from_numpy(X[:5]))
    assert sqnr_db(wanted["wave"].numpy(), got["wave"]) > 60
    assert sqnr_db(wanted["spectrum"].real.numpy(), got["spectrum_real"]) > 60
    assert sqnr_db(wanted["spectrum"].imag.numpy(), got["spectrum_imag"]) > 60
