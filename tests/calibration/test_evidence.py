"""What the source model says of labelled samples: a stand-in model, right only on data as in its training."""

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from convertkit.calibration.evidence import is_better, near_chance, undecided, weigh
from convertkit.calibration.finding import Finding
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import StageError
from convertkit.samples.samples import Samples, split_samples

CLASSES = 10
FARTHEST = 16.0
RANGE = Finding("range", "error", "image", "input 'image' is raw")
OTHER = Finding("channels", "warning", "image", "channel 2 never varies")


class Model:
    """Knows each class by its pattern, in -1..1; what is far from all of them it takes for class 0."""

    def __init__(self):
        self.patterns = np.random.default_rng(0).uniform(-1, 1, (CLASSES, 3, 6, 6)).astype(np.float32)
        self.calls = 0

    def __call__(self, images):
        self.calls += 1
        distance = ((images[:, None] - self.patterns[None]) ** 2).sum((2, 3, 4))
        known = np.where(distance < FARTHEST, -distance, -FARTHEST)
        return {"scores": known - 1e-3 * np.arange(CLASSES)}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def clean(model):
    """Images with noise, and labels."""
    random = np.random.default_rng(1)
    labels = random.integers(0, CLASSES, 200)
    images = model.patterns[labels] + random.normal(0, 0.1, (200, 3, 6, 6))
    return np.clip(images, -1, 1).astype(np.float32), labels


def weighed(model, images, labels, findings=(), *, calibrates=True, **options):
    """The findings after a stand-in validator and intake."""
    chosen = SampleOptions(**options)
    samples = Samples("file", "", {"image": images}, labels)
    split = split_samples(len(images), chosen, needs_calibration=calibrates)
    validator = SimpleNamespace(
        source_outputs=model(images[list(split.validation)]), run_source=lambda arrays: model(arrays["image"])
    )
    intake = SimpleNamespace(samples=samples, split=split)
    return weigh(tuple(findings), validator, intake, chosen)


def pixels(images):
    return (images + 1) / 2 * 255


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: pixels(x), ["raw pixels", "divided by 255 and after (x - 0.5) / 0.5"]),
        (lambda x: pixels(x) / 255 - 4, ["scale or offset"]),
        (lambda x: -x, ["inverted"]),
        (lambda x: x[:, ::-1], ["BGR for RGB", "colours reversed"]),
        (lambda x: x.swapaxes(2, 3), ["transposed", "height and width swapped"]),
    ],
)
def test_the_mistake_is_named_by_the_change_that_undoes_it(model, clean, spoil, words):
    images, labels = clean
    (finding,) = weighed(model, np.ascontiguousarray(spoil(images)), labels)
    assert (finding.check, finding.severity, finding.input) == ("accuracy", "error", "image")
    for word in [*words, "the source model is right on"]:
        assert word in finding.message


def test_clean_samples_have_no_finding_and_cost_no_run(model, clean):
    assert weighed(model, *clean) == ()
    assert model.calls == 1


def test_a_model_that_is_right_vouches_for_an_odd_range(model, clean):
    assert weighed(model, *clean, [RANGE, OTHER]) == (OTHER,)


def test_a_model_that_does_not_mind_a_scale_vouches_for_none(clean):
    """Its accuracy would stay, and its calibration be wrong all the same."""

    class Indifferent(Model):
        def __call__(self, images):
            unit = images / np.sqrt((images**2).sum((1, 2, 3), keepdims=True))
            return {"scores": np.einsum("nchw,kchw->nk", unit, self.patterns)}

    images, labels = clean
    assert weighed(Indifferent(), images * 255, labels, [RANGE, OTHER]) == (RANGE, OTHER)


def test_a_model_of_its_own_range_vouches_for_it(clean):
    """It takes 0..255, and normalises by itself."""

    class Normalising(Model):
        def __call__(self, images):
            return super().__call__(images / 255 * 2 - 1)

    images, labels = clean
    assert weighed(Normalising(), pixels(images), labels, [RANGE, OTHER]) == (OTHER,)


def test_a_model_that_is_wrong_does_not(model, clean):
    images, labels = clean
    found = weighed(model, pixels(images), labels, [RANGE])
    assert found[0] == RANGE
    assert found[1].check == "accuracy"


def test_labels_of_other_samples(model, clean):
    images, labels = clean
    (finding,) = weighed(model, images, np.roll(labels, 1))
    assert "no better than a guess among 10 classes: it is not trained, " in finding.message
    assert finding.severity == "error"


def test_accepted_by_name(model, clean):
    images, labels = clean
    (finding,) = weighed(model, images, np.roll(labels, 1), accept=("accuracy",))
    assert finding.severity == "accepted"


def test_a_mediocre_model_is_not_blamed_on_the_samples(model, clean):
    images, labels = clean
    random = np.random.default_rng(2)
    mixed = np.where(random.random(200) < 0.5, labels, random.integers(0, CLASSES, 200))
    right = (model(images)["scores"].argmax(1) == mixed).mean()
    assert 0.4 < right < 0.7
    assert weighed(model, images, mixed) == ()


def test_few_labelled_samples_vouch_for_nothing(model, clean):
    images, labels = clean
    odd = msgspec.structs.replace(RANGE, severity="warning")
    assert weighed(model, images[:8], labels[:8], [RANGE, odd]) == (RANGE, odd)
    assert weighed(model, *clean, [odd]) == ()
    assert weighed(model, *clean, [RANGE]) == ()
    found = weighed(model, images[:8], np.roll(labels[:8], 1), [RANGE])
    assert found == (RANGE,)


@pytest.mark.parametrize("labels", [None, "none calibrate"])
def test_nothing_to_go_by(model, clean, labels):
    images, known = clean
    used = None if labels is None else known
    found = weighed(model, pixels(images), used, [RANGE], calibrates=labels is None)
    assert found == (RANGE,)


def test_labels_that_no_output_has_scores_for(model, clean):
    images, labels = clean
    (finding,) = weighed(model, images, labels + CLASSES)
    assert (finding.check, finding.severity) == ("accuracy", "warning")
    assert "20 classes" in finding.message


def test_a_model_that_does_not_take_a_change_is_no_error(model, clean):
    images, labels = clean

    class Picky(Model):
        def __call__(self, images):
            if images.min() >= 0 and images.max() <= 1:
                raise StageError("out of range")
            return super().__call__(images)

    (finding,) = weighed(Picky(), pixels(images) / 255 + 3, labels)
    assert finding.check == "accuracy"


class TestRules:
    def test_a_change_has_to_help_more_than_luck(self):
        before = np.arange(64) < 32
        assert not is_better(before, before)
        assert not is_better(before, np.roll(before, 16))
        assert not is_better(before, np.arange(64) < 36)
        assert is_better(before, np.arange(64) < 60)
        noisy = np.concatenate([np.arange(32) < 20, np.arange(32) < 20])  # gained 20, lost 12: could be luck
        assert not is_better(before, noisy)
        assert not is_better(np.ones(64, bool), np.zeros(64, bool))

    @pytest.mark.parametrize(
        ("accuracy", "count", "classes", "is_chance"),
        [
            (0.1, 100, 10, True),
            (0.5, 100, 2, True),
            (0.75, 100, 2, False),
            (0.4, 100, 10, False),
            (0.0, 100, 1000, True),
            (0.3, 100, 1000, False),
            (0.0, 10, 10, False),
        ],
    )
    def test_what_is_no_better_than_a_guess(self, accuracy, count, classes, is_chance):
        assert bool(near_chance(accuracy, count, classes)) is is_chance

    def test_the_range_waits_for_the_model_where_there_are_labels(self):
        arrays = {"x": np.zeros((4, 2), np.float32)}
        assert undecided((RANGE, OTHER), Samples("file", "", arrays, np.zeros(4, int))) == [OTHER]
        assert undecided((RANGE, OTHER), Samples("file", "", arrays)) == [RANGE, OTHER]
