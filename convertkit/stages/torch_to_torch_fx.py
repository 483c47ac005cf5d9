"""PyTorch float32 → PyTorch INT8, weights and activations, calibrated.

Two backends: torch.ao's FX graph mode (`convertkit/pytorch/ao_static.py`) and torchao's PT2E
(`convertkit/pytorch/pt2e.py`); each lists the upstream flags it sets. Weights are rounded with compensation
on the graph that torch.ao has fused, before it is calibrated.
"""

from __future__ import annotations

import time

from torch import fx

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.artifacts.tensors import read_npz
from convertkit.artifacts.transformation import REFINEMENT, Transformation
from convertkit.config.rounding import MOST_SAMPLES
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.errors import StageError
from convertkit.pytorch.backends import load_backend
from convertkit.pytorch.script import tensors
from convertkit.quantization.calls import spaced
from convertkit.quantization.fx_refinement import FxRefined, refine_graph
from convertkit.samples.representative import calibration_steps, read_calibration
from convertkit.stages import Conversion, Request


def convert(request: Request[TorchToTorchFxOptions]) -> Conversion:
    """Quantize with the backend that was asked for, and save."""
    samples, examples = read_calibration(request.calibration), read_npz(request.examples)
    backend = load_backend(request.options.backend, "static")
    if request.options.backend == "pt2e":
        signature, notes = backend.quantize(request.source, examples, request.out, samples)
        return Conversion(signature, notes, Loader("exported-program"))
    asked = (request.source, request.options, samples, examples, request.out)
    if not request.options.largest:
        signature, notes, _ = backend.quantize(*asked)
        return Conversion(signature, notes, Loader("torchscript"))
    refinement = Refinement(request.source.signature, samples, request.options.largest)
    signature, notes, done = backend.quantize(*asked, refinement.refine)
    if done is None:
        raise StageError("rounding with compensation needs a model that torch.fx traces as a whole")
    return Conversion(
        signature,
        (*notes, refinement.describe(done)),
        Loader("torchscript"),
        (Transformation(REFINEMENT, refinement.seconds),),
    )


class Refinement:
    """Rounds the weights of traced models by calibration samples.

    Attributes:
        seconds: wall time that it took.
    """

    def __init__(self, signature: Signature, samples: Arrays, largest: int) -> None:
        self._calls = [tensors(step) for step in calibration_steps(signature, spaced(samples, MOST_SAMPLES))]
        self._largest = largest
        self.seconds = 0.0

    def refine(self, prepared: fx.GraphModule) -> FxRefined:
        """Refine a model in place; its layers are printed as they are done.

        Raises:
            StageError: it has no layer to round.
        """
        started = time.perf_counter()
        done = refine_graph(prepared, self._calls, self._largest, lambda line: print(line, flush=True))
        self.seconds += time.perf_counter() - started
        if not done.layers:
            raise StageError("the model has no weights that rounding could be improved for")
        return done

    def describe(self, done: FxRefined) -> str:
        """`weights of 50 layers rounded with compensation, biases corrected, by 64 samples in 20.1 s`."""
        left = f", {done.left} too wide for it to nearest" if done.left else ""
        layers = f"{done.layers} layer{'s' if done.layers != 1 else ''}"
        return (
            f"weights of {layers} rounded with compensation{left}, biases corrected, "
            f"by {done.calls} samples in {self.seconds:.1f} s"
        )
