"""What a worker is asked and answers about the weights of a reference model."""

from __future__ import annotations

from convertkit.workers.message import Message


class BuildJob(Message, frozen=True, tag="build"):
    """Write the seeded weights of a reference model.

    Attributes:
        name: of the model, one of `convertkit.references.models.BUILDERS`.
        is_small: a tiny one of the same layers.
        samples: `.npz` of inputs, which give batch normalizations their statistics.
        out: state dict to write.
    """

    name: str
    is_small: bool
    samples: str
    out: str


class Built(Message, frozen=True, tag="built"):
    """The state dict stands at `BuildJob.out`; bytes of its parameters and buffers, each once."""

    weights_bytes: int
