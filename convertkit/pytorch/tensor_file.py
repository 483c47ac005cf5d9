"""Tensors of a torch.save file as samples. Runs in a worker."""

from __future__ import annotations

import pickle

import torch

from convertkit.artifacts.tensors import write_npz
from convertkit.causes import first_line
from convertkit.errors import SamplesError
from convertkit.samples.handed import read_handed
from convertkit.workers.answers import Unpacked
from convertkit.workers.jobs import UnpackJob

MOST_ITEMS = 1 << 20


def unpack(job: UnpackJob) -> Unpacked:
    """Write the tensors of the file as an `.npz`.

    Raises:
        SamplesError: it holds something else than tensors.
    """
    try:
        content = torch.load(job.path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # its text advises to load without the guard
        raise SamplesError(f"{job.path} holds something else than tensors, and was not loaded") from None
    except (RuntimeError, EOFError, OSError) as error:
        raise SamplesError(f"{job.path} is damaged: {first_line(error)}") from error
    handed = read_handed(content, MOST_ITEMS)
    write_npz(job.out, handed.content)
    return Unpacked(handed.notes)
