"""Folders of image files as samples."""

import shlex

import numpy as np
import pytest
from PIL import Image

from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.recipe import decode_recipe
from convertkit.samples.images import load_images
from convertkit.samples.pictures import Pictures
from convertkit.worker import images
from convertkit.workers.sample_files import DecodeJob, LookJob

FIRST = TensorSpec("image", "float32", ("batch", 3, 4, 6))
LAST = TensorSpec("image", "float32", ("batch", 4, 6, 3))
GRAY = TensorSpec("image", "float32", ("batch", 1, 4, 6))
PLAIN = SampleOptions()
WORK = {LookJob: images.look, DecodeJob: images.decode}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """What the worker would do is done here; the worker itself is in `test_pictures.py`."""
    monkeypatch.setattr(Pictures, "_ask", lambda self, job: WORK[type(job)](job))


@pytest.fixture
def folder(tmp_path):
    """Three images of one colour each; one in a subfolder, one wide, one tall; and a file that is none."""
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (6, 4), (255, 0, 0)).save(tmp_path / "b.png")
    Image.new("RGB", (40, 8), (0, 255, 0)).save(tmp_path / "sub" / "c.PNG")
    Image.new("RGBA", (7, 90), (0, 0, 255, 10)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def read(folder, spec, options=PLAIN):
    """Every image, decoded."""
    samples = load_images(folder, (spec,), options)
    return samples.take(range(samples.count))["image"]


def test_images_are_sorted_by_name_scaled_and_channels_first(folder):
    samples = load_images(folder, (FIRST,), PLAIN)
    assert samples.origin == "images"
    rows, values = samples.arrays["image"], read(folder, FIRST)
    assert rows.shape == values.shape == (3, 3, 4, 6)
    assert rows.dtype == values.dtype == np.float32
    for sample, channel in zip(values, (2, 0, 1), strict=True):  # a is blue, b red, c green
        expected = np.zeros((3, 4, 6), np.float32)
        expected[channel] = 1
        np.testing.assert_array_equal(sample, expected)


def test_channels_last_is_the_same_turned(folder):
    first = read(folder, FIRST)
    last = read(folder, LAST)
    np.testing.assert_array_equal(last, first.transpose(0, 2, 3, 1))


def test_bgr_turns_the_channels(folder):
    rgb = read(folder, FIRST)
    bgr = read(folder, FIRST, SampleOptions(color="bgr"))
    np.testing.assert_array_equal(bgr, rgb[:, ::-1])


def test_gray(folder):
    values = read(folder, GRAY, SampleOptions(color="gray"))
    assert values.shape == (3, 1, 4, 6)
    assert values[1].mean() == pytest.approx(76 / 255, abs=1e-6)  # ITU-R 601 luma of red


def test_mean_and_std_apply_to_each_channel(folder):
    options = SampleOptions(mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    red = read(folder, FIRST, options)[1]
    assert red[:, 0, 0].tolist() == [1.0, -0.25, 0.0]


def test_mean_belongs_to_the_channel_in_the_models_order(folder):
    options = SampleOptions(mean=(0.5, 0.25, 0.0), color="bgr")
    red = read(folder, FIRST, options)[1]
    assert red[:, 0, 0].tolist() == [-0.5, -0.25, 1.0]


def test_height_and_width_are_not_swapped(tmp_path):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[3, 5] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    values = read(tmp_path, FIRST)
    assert np.argwhere(values[0, 0]).tolist() == [[3, 5]]


def test_the_middle_is_cropped(tmp_path):
    pixels = np.zeros((4, 18, 3), np.uint8)
    pixels[:, 6:12] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (read(tmp_path, FIRST) == 1).all()


def test_resize_leaves_a_margin_to_crop(tmp_path):
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[2:6, 3:9] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read(tmp_path, FIRST).min() == 0  # all of it, at half the size
    assert (read(tmp_path, FIRST, SampleOptions(resize=8)) == 1).all()  # its middle, as it is
    np.testing.assert_array_equal(read(tmp_path, FIRST, SampleOptions(resize=1)), read(tmp_path, FIRST))


def test_without_a_crop_all_of_the_image_is_stretched(tmp_path):
    pixels = np.zeros((4, 18, 3), np.uint8)
    pixels[:, 6:12] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    options = SampleOptions(crop="none", interpolation="nearest")
    assert read(tmp_path, FIRST, options)[0, 0, 0].tolist() == [0, 0, 1, 1, 0, 0]


def test_the_interpolation_is_the_one_that_was_asked_for(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (16, 24, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    for name, method in (("nearest", 0), ("bilinear", 2), ("bicubic", 3)):
        expected = np.asarray(Image.fromarray(noise).resize((6, 4), method), np.float32) / 255
        found = read(tmp_path, FIRST, SampleOptions(interpolation=name))
        np.testing.assert_allclose(found[0], expected.transpose(2, 0, 1), rtol=1e-6)


def test_the_digest_follows_the_content(folder):
    before = load_images(folder, (FIRST,), PLAIN).sha256
    assert load_images(folder, (FIRST,), PLAIN).sha256 == before
    Image.new("RGB", (6, 4), (254, 0, 0)).save(folder / "b.png")
    assert load_images(folder, (FIRST,), PLAIN).sha256 != before


def refused(folder, inputs, words, options=PLAIN):
    with pytest.raises(SamplesError) as caught:
        load_images(folder, inputs, options)
    assert words in str(caught.value)
    assert caught.value.exit_code == 6
    return caught.value


def test_a_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").touch()
    refused(tmp_path, (FIRST,), "no image file")


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_image_is_named(folder, content):
    (folder / "z.png").write_bytes(content)
    refused(folder, (FIRST,), "z.png is not a usable image")


def test_a_truncated_image_is_named(folder):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "z.png")
    (folder / "z.png").write_bytes((folder / "z.png").read_bytes()[:800])
    samples = load_images(folder, (FIRST,), PLAIN)
    assert samples.take([0, 1, 2])["image"].shape == (3, 3, 4, 6)  # what is not taken is not decoded
    with pytest.raises(SamplesError, match=r"z\.png is not a usable image") as caught:
        samples.take([3])
    assert caught.value.exit_code == 6


def test_a_decompression_bomb_is_refused(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    refused(folder, (FIRST,), "is not a usable image: Image size (630 pixels) exceeds limit of 600")


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1)])
def test_an_image_that_is_far_longer_than_wide_is_refused_before_it_is_scaled(tmp_path, size):
    Image.new("1", size).save(tmp_path / "long.png")
    with pytest.raises(SamplesError, match="pixels would become one of"):
        read(tmp_path, TensorSpec("image", "float32", ("batch", 3, 224, 224)))


@pytest.mark.parametrize("content", [b"P6\n9 9 9 9", b"P6\nx y\n255\n", b"P6\n99999999999 1\n255\n", b"P6"])
def test_a_bad_ppm_is_one_line(tmp_path, content):
    (tmp_path / "a.ppm").write_bytes(content)
    with pytest.raises(SamplesError, match="is not a usable image"):
        read(tmp_path, FIRST)


def test_no_reader_of_another_format_is_tried(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\n")
    with pytest.raises(SamplesError, match="is not a usable image"):
        read(tmp_path, FIRST)


@pytest.mark.parametrize(
    "inputs",
    [
        (FIRST, FIRST),
        (TensorSpec("x", "float32", ("batch", 10)),),
        (TensorSpec("x", "float32", ("batch", 3, 4)),),
    ],
)
def test_a_model_that_takes_something_else(folder, inputs):
    refused(folder, inputs, "exactly one image input")


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        (("batch", 5, 4, 6), ".npz"),
        (("batch", "channels", 4, 6), ".npz"),
        (("batch", 3, "height", "width"), "--input 'x:float32[batch,3,224,224]'"),
        (("batch", "height", 32, 3), "--input 'x:float32[batch,224,32,3]'"),
        (("batch", 1, 4, 6), "--set sampling.color=gray"),
        (("batch", 4, 6, 1), "--set sampling.color=gray"),
    ],
)
def test_an_input_without_the_channels_or_a_fixed_size(folder, shape, hint):
    error = refused(folder, (TensorSpec("x", "float32", shape),), "no image of 3 channels")
    assert hint in error.hint
    words = shlex.split(error.hint)
    if "--set" in words:
        key, _, value = words[words.index("--set") + 1].partition("=")
        assert load_images(folder, (TensorSpec("x", "float32", shape),), set_options(key, value)).count == 3


def set_options(key, value):
    """What `--set` makes of it."""
    section, option = key.split(".")
    return decode_recipe({section: {option: value}}, "the hint's key").sampling


def test_an_input_of_color_and_a_run_set_to_gray(folder):
    error = refused(folder, (FIRST,), "no image of 1 channels", SampleOptions(color="gray"))
    assert "--set sampling.color=rgb" in error.hint


class TestClassFolders:
    @staticmethod
    def images(folder, *names):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (6, 4)).save(folder / name)
        return load_images(folder, (FIRST,), PLAIN)

    def test_are_labels_in_alphabetical_order_and_said(self, tmp_path):
        samples = self.images(tmp_path, "dog/1.png", "cat/2.png", "cat/deep/3.png", "eel/1.png")
        assert samples.labels.tolist() == [0, 0, 1, 2]
        assert "0 cat, 1 dog, 2 eel" in samples.notes[0]
        assert "sampling.class_folders=false" in samples.notes[0]
        assert samples.class_names == ("cat", "dog", "eel")
        without = load_images(tmp_path, (FIRST,), SampleOptions(class_folders=False))
        assert without.class_names == ()
        assert (without.labels, without.notes, without.sha256) == (None, (), samples.sha256)

    @pytest.mark.parametrize(
        "names",
        [("a.png", "cat/b.png", "dog/c.png"), ("cat/1.png", "cat/2.png"), ("train/a/1.png", "val/b/2.png")],
        ids=["an image beside them", "one folder", "splits"],
    )
    def test_are_none(self, tmp_path, names):
        samples = self.images(tmp_path, *names)
        assert (samples.labels, samples.notes) == (None, ())


@pytest.mark.parametrize("values", [(0.5, 0.5), (0.1, 0.2, 0.3, 0.4)])
@pytest.mark.parametrize("key", ["mean", "std"])
def test_as_many_means_and_stds_as_channels_or_one(folder, key, values):
    refused(folder, (FIRST,), f"sampling.{key}", SampleOptions(**{key: values}))
