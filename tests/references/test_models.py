"""Reference models: of one seed, taking what the table gives them, with values that do not die out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.tensors import write_npz
from convertkit.frameworks.references import REFERENCES, Reference
from convertkit.workers.built import BuildJob

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
def test_a_tiny_one_takes_its_samples_and_tells_them_apart(reference: Reference, tmp_path: Path) -> None:
    import torch

    from convertkit.references.models import build
    from convertkit.references.seeded import write_weights

    files = [tmp_path / name for name in ("one.pt", "again.pt")]
    samples = reference.samples(3, is_small=True)
    write_npz(tmp_path / "samples.npz", samples)
    jobs = [BuildJob(reference.name, True, str(tmp_path / "samples.npz"), str(file)) for file in files]
    built = [write_weights(job) for job in jobs]
    one, again = (torch.load(file, weights_only=True) for file in files)
    assert built[0] == built[1]
    assert built[0].weights_bytes > 1000
    assert all(torch.equal(one[key], again[key]) for key in one)

    model = build(reference.name, is_small=True)
    model.load_state_dict(one)
    with torch.inference_mode():
        output = model(*map(torch.from_numpy, samples.values())).numpy()
    assert len(output) == 3
    assert np.isfinite(output).all()
    assert 1e-4 < output[0].std() < 1e3, "the values die out, or explode"
    assert np.abs(output[0] - output[1]).max() > 1e-4
