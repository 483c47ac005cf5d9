"""What is said of sizes that a kernel of a `.tflite` does not take; no interpreter is started."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convertkit.errors import StageError
from convertkit.runtimes.interpreter import InterpreterSession

FRAMES = {"name": "input", "index": 0, "shape": np.array([1, 1]), "dtype": np.float32}


class Refuses:
    """An interpreter whose second kernel needs 400 entries."""

    def get_signature_list(self) -> dict[str, Any]:
        return {}

    def get_input_details(self) -> list[dict[str, Any]]:
        return [FRAMES]

    def get_output_details(self) -> list[dict[str, Any]]:
        return []

    def resize_tensor_input(self, index: int, shape: tuple[int, ...]) -> None:
        assert (index, shape) == (0, (1, 32))

    def allocate_tensors(self) -> None:
        raise RuntimeError("Node number 27 (CONV_2D) failed to prepare.")


@pytest.mark.parametrize("verb", ["run", "bind"])
def test_sizes_that_it_does_not_run_on_are_named_with_what_gives_others(verb: str) -> None:
    session = InterpreterSession(Refuses)
    with pytest.raises(StageError) as caught:
        getattr(session, verb)({"input": np.zeros((1, 32), np.float32)})
    assert caught.value.message == (
        "it does not run on input:float32[1,32] (--samples or --input give others): "
        "Node number 27 (CONV_2D) failed to prepare."
    )
