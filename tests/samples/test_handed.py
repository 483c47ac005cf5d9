"""What is handed over in Python as samples: which part is an input, which the labels, what is a batch."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.errors import SamplesError
from convertkit.samples.handed import read_handed

IMAGES = np.arange(10 * 3 * 4 * 4, dtype=np.float32).reshape(10, 3, 4, 4)
LABELS = np.arange(10) % 3


def read(given, limit=640, inputs=None):
    return read_handed(given, limit, inputs)


def shapes(handed):
    return {name: values.shape for name, values in handed.arrays.items()}


class TestPairs:
    def test_integers_beside_more_axes_are_labels(self):
        assert read((IMAGES, LABELS)).labels.tolist() == LABELS.tolist()
        assert read((IMAGES, LABELS[:, None])).labels.tolist() == LABELS.tolist()

    def test_of_a_model_of_two_inputs_are_inputs(self):
        assert list(read((IMAGES, LABELS), inputs=2).arrays) == ["arr_0", "arr_1"]

    def test_what_is_neither_is_left_out_and_said(self):
        handed = read((IMAGES, np.linspace(0, 1, 10)), inputs=1)
        assert (shapes(handed), handed.labels) == ({"": (10, 3, 4, 4)}, None)
        assert "left out" in handed.notes[0]

    def test_inputs_may_be_a_dict(self):
        handed = read(({"x": IMAGES, "mask": LABELS}, LABELS))
        assert list(handed.arrays) == ["x", "mask"]
        assert handed.labels is not None


class TestDicts:
    def test_text_is_left_out(self):
        handed = read([{"x": image, "path": "a.png", "label": 1} for image in IMAGES])
        assert (shapes(handed), handed.labels.tolist()) == ({"x": (10, 3, 4, 4)}, [1] * 10)
        assert handed.notes == ("left out of the samples, being no input: path",)

    def test_items_of_other_inputs(self):
        with pytest.raises(SamplesError, match="item 1 of the samples has other inputs"):
            read([{"x": IMAGES[0]}, {"y": IMAGES[0]}])

    def test_nothing_but_text(self):
        with pytest.raises(SamplesError, match="hold no numbers"):
            read({"path": "a.png"})


class TestBatches:
    def test_of_other_sizes_are_joined(self):
        assert shapes(read([IMAGES[:4], IMAGES[4:8], IMAGES[8:]])) == {"": (10, 3, 4, 4)}

    def test_of_one_sample_are_joined(self):
        assert shapes(read(image[None] for image in IMAGES)) == {"": (10, 3, 4, 4)}

    def test_are_told_by_their_labels(self):
        halves = [(IMAGES[:5], LABELS[:5]), (IMAGES[5:], LABELS[5:])]
        handed = read(halves)
        assert (shapes(handed), handed.labels.tolist()) == ({"": (10, 3, 4, 4)}, LABELS.tolist())

    def test_of_one_size_stay_open(self):
        handed = read([IMAGES[:5], IMAGES[5:]])
        assert (handed.is_open, shapes(handed)) == (True, {"": (2, 5, 3, 4, 4)})
        np.testing.assert_array_equal(handed.joined().arrays[""], IMAGES)

    def test_a_list_of_as_many_arrays_as_inputs_is_one_call(self):
        assert list(read([IMAGES, IMAGES], inputs=2).arrays) == ["arr_0", "arr_1"]


class Endless:
    """A map-style Dataset that counts what it was asked for."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 1000

    def __getitem__(self, row):
        self.asked.append(row)
        return np.full(4, row)


class TestBounds:
    def test_of_a_dataset_evenly_spaced_items_are_fetched(self):
        data = Endless()
        handed = read(data, limit=5)
        assert data.asked == [0, 249, 499, 749, 999]
        assert handed.notes == ("5 of 1,000 items of the samples were taken, evenly spaced",)

    def test_of_a_generator_no_more_than_needed(self):
        def endless():
            while True:
                yield IMAGES[0]

        assert read(endless, limit=7).arrays[""].shape == (7, 3, 4, 4)

    def test_bytes_are_bounded_too(self, monkeypatch):
        monkeypatch.setattr("convertkit.samples.handed.MOST_BYTES", 3 * IMAGES[0].nbytes)
        assert len(read(iter(IMAGES)).arrays[""]) == 3

    def test_what_is_there_whole_is_taken_whole(self):
        assert len(read(IMAGES, limit=2).arrays[""]) == 10


class TestWhatIsNone:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ("a.png", "are text"),
            (["a.png"], "are text"),
            ([["a"]], "are text"),
            (b"abc", "are text"),
            (object(), "are of type object"),
            (IMAGES.astype(complex), "are of type ndarray of complex"),
            (np.array([object()]), "are of type object"),
            (np.zeros(2, "datetime64[s]"), "datetime64"),
            (int, "are of type type"),
            ([], "are empty"),
            ({}, "are empty"),
            ((), "are empty"),
            ([[1, 2], [3]], "lists of different lengths"),
            ([IMAGES[0], IMAGES[0, :, :2]], "item 0 is [3, 4, 4], item 1 is [3, 2, 4]"),
            ((1 / 0 for _ in "x"), "ZeroDivisionError"),
        ],
    )
    def test_is_said_in_one_line(self, given, words):
        with pytest.raises(SamplesError) as caught:
            read(given)
        assert words in caught.value.message
        assert "\n" not in str(caught.value)

    def test_objects_in_an_npz_are_not_unpickled_nor_advised_to_be(self, tmp_path):
        np.savez(tmp_path / "x.npz", x=np.array([object()], object))
        with pytest.raises(SamplesError, match="never unpickled") as caught:
            read(np.load(tmp_path / "x.npz"))
        assert "allow_pickle" not in str(caught.value)


class TestTables:
    @pytest.fixture
    def pandas(self):
        return pytest.importorskip("pandas")

    def test_numbers_are_one_array_and_the_label_apart(self, pandas):
        handed = read(pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4], "label": [0, 1]}))
        assert handed.arrays[""].tolist() == [[1, 3], [2, 4]]
        assert handed.labels.tolist() == [0, 1]

    def test_columns_of_arrays_are_inputs(self, pandas):
        handed = read(pandas.DataFrame({"a": list(IMAGES), "b": list(IMAGES)}))
        assert shapes(handed) == {"a": (10, 3, 4, 4), "b": (10, 3, 4, 4)}

    def test_a_column_of_text(self, pandas):
        with pytest.raises(SamplesError, match="are text"):
            read(pandas.Series(["a", "b"]))
