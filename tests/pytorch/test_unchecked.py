"""The form of an exported program that is timed."""

from __future__ import annotations

import pytest

from tests.conftest import FIXTURES, fixture_samples

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fixture", ["digits", "mlp", "transformer", "two_inputs"])
def test_it_gives_the_same_without_checks(fixture: str) -> None:
    import torch

    from convertkit.pytorch.outputs import flatten_outputs
    from convertkit.pytorch.unchecked import fastest_form

    model = torch.export.load(FIXTURES / fixture / "model.pt2").module()
    inputs = [torch.from_numpy(values[:3]) for values in fixture_samples(fixture).values()]
    form = fastest_form(model, inputs)
    assert form is not model
    with torch.inference_mode():
        wanted, got = flatten_outputs(model(*inputs)), flatten_outputs(form(*inputs))
    assert all(torch.equal(a, b) for a, b in zip(wanted.values(), got.values(), strict=True))


def test_a_program_that_counts_its_calls_is_timed_as_it_is() -> None:
    import torch

    from convertkit.pytorch.unchecked import fastest_form

    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x + self.calls

    x = torch.ones(2)
    model = torch.export.export(Counting(), (x,)).module()
    assert fastest_form(model, [x]) is model


def test_what_takes_a_list_is_timed_as_it_is() -> None:
    import torch

    from convertkit.pytorch.unchecked import fastest_form

    class Total(torch.nn.Module):
        def forward(self, parts: list[torch.Tensor]) -> torch.Tensor:
            return parts[0] + parts[1]

    parts = [torch.ones(2), torch.ones(2)]
    model = torch.export.export(Total(), (parts,)).module()
    assert fastest_form(model, [parts]) is model  # type: ignore[list-item]


def test_other_modules_are_called_as_they_are() -> None:
    import torch

    from convertkit.pytorch.unchecked import fastest_form

    model = torch.nn.Linear(2, 2)
    assert fastest_form(model, [torch.ones(1, 2)]) is model
