"""What a verb says of what its answer rests on."""

from __future__ import annotations

import pytest

from convertkit.recipe import Recipe
from convertkit.run.examine import Examined, chance_note
from convertkit.samples.samples import Samples, Split
from convertkit.samples.synthetic import SYNTHETIC_NOTE
from convertkit.verbs.validate import validate_artifacts
from tests.conftest import FIXTURES

np = pytest.importorskip("numpy")


class Stub:
    """Something with the attributes that are read of it."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


def note(scores: object, labels: object) -> str:
    count = len(scores)  # type: ignore[arg-type]
    samples = Samples("file", "", {"x": np.zeros((count, 1))}, labels)
    return chance_note(
        Stub(source_outputs={"y": scores}), Stub(samples=samples, split=Split((), tuple(range(count))))
    )


class TestChance:
    labels = np.arange(200) % 4

    def test_a_source_that_guesses_is_said(self) -> None:
        scores = np.random.default_rng(0).standard_normal((200, 4))
        assert "of 200 labelled samples, no better than a guess: it is not trained" in note(
            scores, self.labels
        )
        assert note(scores, self.labels) in Examined(chance=note(scores, self.labels)).notes

    def test_one_that_is_right_is_not(self) -> None:
        assert note(np.eye(4)[self.labels], self.labels) == ""

    def test_nor_without_labels_or_with_too_few(self) -> None:
        scores = np.random.default_rng(0).standard_normal((200, 4))
        assert note(scores, None) == ""
        assert note(scores[:8], self.labels[:8]) == ""


@pytest.mark.slow
def test_validate_without_samples_says_that_its_inputs_are_synthetic() -> None:
    model = FIXTURES / "mlp" / "model.pt2"
    told: list[str] = []
    judgement = validate_artifacts(model, model, Recipe(), tell=told.append)
    assert judgement.vs_source is not None
    assert SYNTHETIC_NOTE in judgement.vs_source.notes
    assert told[0].startswith("importing torch")
