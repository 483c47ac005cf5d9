"""Which normalisation of a run's images can go into its artifacts, and how these take pixels then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convertkit.artifacts.formats import Format
from convertkit.artifacts.pixels import FIRST, IMAGE_RANK, LAST, Fold, Pixels
from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError, UsageError
from convertkit.samples.images import CHANNELS
from convertkit.samples.intake import Intake

WHITE = 255.0
WHOLE = 0.02  # how far a pixel may be from an integer: float32 has rounded it three times
BEYOND = 0.001  # how far a value in 0..1 may be outside
BLOCK = 32
SAME = 0.05  # how near each sample's own mean and deviation come to 0 and 1 where each was standardised
NOTHING_SAID = "there is no preprocessing to fold: the samples are arrays, and no mean and std are told"


def fold_of(intake: Intake) -> Fold:
    """What goes into every artifact.

    uint8 where all samples are whole pixels, as image files are; else float32: of 0 to 255 for the arrays
    that `sampling.pixels` names, of 0 to 1 for others.

    Raises:
        UsageError: the model takes no image, or nothing says how pixels become its input.
        SamplesError: what is said is not how the samples were made.
    """
    spec, options = image_input(intake), intake.sampling
    are_images = intake.samples.origin == "images"
    if not are_images and not says_how(options):
        raise UsageError(told_unsaid(intake, spec), hint="--set 'sampling.mean=[…]' --set 'sampling.std=[…]'")
    axis = channel_axis(spec, options, is_last_likely=intake.file.format not in (Format.TORCH, Format.ONNX))
    whole = Pixels(WHITE, options.mean, options.std)
    if are_images or all(is_whole(whole.restored(block)) for block in blocks(intake, spec, axis)):
        return Fold(spec.name, "uint8", whole, axis)
    if options.pixels:
        return Fold(spec.name, "float32", whole, axis)
    unit = Pixels(1.0, options.mean, options.std)
    for block in blocks(intake, spec, axis):
        check_unit(spec.name, unit.restored(block))
    return Fold(spec.name, "float32", unit, axis)


def fold_note(fold: Fold) -> str:
    """What the artifacts take, one line for the report."""
    white = f"{fold.pixels.white:g}"
    mean, std = ("/".join(f"{each:.4g}" for each in values) for values in (fold.pixels.mean, fold.pixels.std))
    return (
        f"preprocessing is in the artifacts: '{fold.input}' takes {fold.dtype} images of 0 to {white}, "
        f"channels last; ({fold.pixels.scaled} - {mean}) / {std} is done inside"
    )


def says_how(options: SampleOptions) -> bool:
    """True where mean or std are told, or which arrays hold pixels."""
    plain = SampleOptions()
    return bool(options.pixels) or (options.mean, options.std) != (plain.mean, plain.std)


def image_input(intake: Intake) -> TensorSpec:
    """The one input that is an image.

    Raises:
        UsageError: there is none, or there are several, or it takes integers.
    """
    inputs = [spec for spec in intake.artifact.signature.inputs if not spec.is_bound]
    images = [spec for spec in inputs if len(spec.shape) == IMAGE_RANK]
    named = [spec for spec in images if spec.name in intake.sampling.pixels]
    chosen = named if len(named) == 1 else images
    if len(chosen) != 1:
        told = ", ".join(spec.describe() for spec in inputs)
        raise UsageError(
            f"preprocessing cannot be folded: {len(chosen)} of the model's inputs are images ({told})",
            hint="one input [batch, channels, height, width] can; sampling.pixels names it",
        )
    if chosen[0].dtype != "float32":
        raise UsageError(
            f"preprocessing cannot be folded: '{chosen[0].name}' takes {chosen[0].dtype}",
            hint="a model that takes pixels itself has it inside",
        )
    return chosen[0]


def channel_axis(spec: TensorSpec, options: SampleOptions, *, is_last_likely: bool) -> int:
    """Where the colour channels of an image stand.

    Raises:
        UsageError: no axis has as many as mean, std or the colours.
    """
    counts = {len(options.mean), len(options.std)} - {1} or {CHANNELS[options.color], 1}
    for axis in (LAST, FIRST) if is_last_likely else (FIRST, LAST):
        if spec.logical_shape[axis] in counts:
            return axis
    told = " or ".join(str(count) for count in sorted(counts, reverse=True))
    raise UsageError(
        f"preprocessing cannot be folded: {spec.describe()} has no axis of {told} colour channels",
        hint="sampling.mean, sampling.std and sampling.color tell how many there are",
    )


def blocks(intake: Intake, spec: TensorSpec, axis: int) -> Iterator[Array]:
    """The samples that calibrate and validate, a few at a time, channels last."""
    rows = sorted((*intake.split.calibration, *intake.split.validation))
    values = intake.samples.arrays[spec.name]
    for start in range(0, len(rows), BLOCK):
        block = np.asarray(values[np.asarray(rows[start : start + BLOCK])])
        yield np.moveaxis(block, axis - IMAGE_RANK, -1)


def is_whole(pixels: Array) -> bool:
    """True where every value is an integer of 0 to 255, but for what rounding did to it."""
    near = np.clip(np.rint(pixels), 0, WHITE)
    return bool((np.abs(pixels - near) < WHOLE).all())


def check_unit(name: str, values: Array) -> None:
    """Raise SamplesError where values are outside of 0..1."""
    low, high = float(values.min()), float(values.max())
    if low < -BEYOND or high > 1 + BEYOND:
        raise SamplesError(
            f"array '{name}' is not what sampling.mean and sampling.std make of images: those would be of "
            f"{low:.4g} to {high:.4g}, not of 0 to 1",
            hint="give the mean and std that made the samples, or the images themselves",
        )


def told_unsaid(intake: Intake, spec: TensorSpec) -> str:
    """That nothing says how pixels become the input; and what is known of it where each is standardised."""
    values = np.asarray(
        intake.samples.arrays[spec.name][np.asarray(intake.split.validation[:BLOCK])], np.float64
    )
    flat = values.reshape(len(values), -1)
    is_own = (np.abs(flat.mean(1)) < SAME).all() and (np.abs(flat.std(1) - 1) < SAME).all()
    own = ": each has a mean and a deviation of its own, which no constant can be" if is_own else ""
    return NOTHING_SAID + own
