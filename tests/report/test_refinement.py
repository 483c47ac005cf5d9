"""What was done to a graph, as a record and in words."""

import msgspec
import pytest

from convertkit.report.refinement import describe, refinement_record
from convertkit.workers.answers import Refined


@pytest.mark.parametrize(
    ("done", "gain_db", "words"),
    [
        (
            Refined(layers=50, left=0, biases=49, samples=64, seconds=50.84),
            6.79,
            "weights of 50 layers rounded with compensation, 49 biases corrected, by 64 samples in 50.8 s: "
            "+6.8 dB",
        ),
        (
            Refined(layers=1, left=2, biases=1, samples=1, seconds=0.1),
            None,
            "weights of 1 layer rounded with compensation, 2 too wide for it to nearest, 1 bias corrected, "
            "by 1 sample in 0.1 s",
        ),
        (
            Refined(layers=5, left=0, biases=5, samples=64, seconds=4.93, equalized=3),
            24.0,
            "channels of 3 values equalized, weights of 5 layers rounded with compensation, "
            "5 biases corrected, by 64 samples in 4.9 s: +24.0 dB",
        ),
    ],
)
def test_in_words(done, gain_db, words):
    record = refinement_record(done, 127, is_cached=False)
    assert record.gain_db is None
    first = ("equalization",) if done.equalized else ()
    assert record.transformations == (*first, "rounding", "bias-correction")
    assert record.equalized == done.equalized
    assert describe(msgspec.structs.replace(record, gain_db=gain_db)) == words
