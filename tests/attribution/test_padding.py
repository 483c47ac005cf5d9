"""Padding inside an artifact is no loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.attribution.padding import padding_of, without_padding
from convertkit.attribution.rank import rank
from convertkit.errors import UsageError
from tests.attribution.test_rank import made, step

WORDS = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
KEEP = np.arange(5)[None] < np.array([5, 2, 3, 1, 4, 5])[:, None]
NOISE = np.where(KEEP[..., None], 0, 3 * np.random.default_rng(1).normal(size=WORDS.shape)).astype(np.float32)
SIGNATURE = Signature(
    (
        TensorSpec("ids", "int64", ("batch", "tokens")),
        TensorSpec("attention_mask", "int64", ("batch", "tokens")),
    ),
    (
        TensorSpec("state", "float32", ("batch", "tokens", 4)),
        TensorSpec("pooled", "float32", ("batch", 4)),
    ),
)
INPUTS = {"ids": KEEP.astype(np.int64), "attention_mask": KEEP.astype(np.int64)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_entries_that_count_are_where_the_input_is_not_0() -> None:
    (valid,) = padding_of({"state": "attention_mask"}, SIGNATURE, INPUTS)
    assert np.array_equal(valid, KEEP)
    assert padding_of({}, SIGNATURE, INPUTS) == ()


def test_nothing_is_ruled_out_where_another_output_of_the_same_axes_has_no_mask() -> None:
    more = TensorSpec("tags", "float32", ("batch", "tokens", 7))
    signature = Signature(SIGNATURE.inputs, (*SIGNATURE.outputs, more))
    assert padding_of({"state": "attention_mask"}, signature, INPUTS) == ()
    masks = {"state": "attention_mask", "tags": "attention_mask"}
    assert len(padding_of(masks, signature, INPUTS)) == 1


def test_a_mask_that_rules_everything_out_is_none() -> None:
    inputs = INPUTS | {"attention_mask": np.zeros((6, 5), np.int64)}
    assert padding_of({"state": "attention_mask"}, SIGNATURE, inputs) == ()


def test_a_misspelt_mask_is_told() -> None:
    with pytest.raises(UsageError, match="no input 'mask'"):
        padding_of({"state": "mask"}, SIGNATURE, INPUTS)


@pytest.mark.parametrize("shape", [(6, 5, 4), (30, 4)])
def test_tensors_that_begin_with_the_axes_of_the_mask(shape: tuple[int, ...]) -> None:
    wanted, got = without_padding(WORDS.reshape(shape), (WORDS + NOISE).reshape(shape), [KEEP])
    assert wanted.shape == (KEEP.sum(), 4)
    assert np.array_equal(wanted, got)


@pytest.mark.parametrize("shape", [(6, 20), (6, 4, 5), (120,), (5, 6, 4)])
def test_other_tensors_are_as_they_were(shape: tuple[int, ...]) -> None:
    values = WORDS.reshape(shape)
    assert without_padding(values, values, [KEEP])[0] is values


def test_an_operator_that_is_wrong_at_padding_alone_loses_nothing(folder: Path) -> None:
    reference = made(folder, "r", (step("a"), WORDS))
    candidate = made(folder, "c", (step("a"), WORDS + NOISE))
    without, _ = rank(candidate, reference)
    with_masks, _ = rank(candidate, reference, masks=[KEEP])
    assert without[0].lost > 0.5
    assert (with_masks[0].lost, with_masks[0].sqnr_db) == (0, 200)


def test_an_operator_that_is_wrong_elsewhere_loses_all_the_same(folder: Path) -> None:
    reference = made(folder, "r", (step("a"), WORDS))
    candidate = made(folder, "c", (step("a"), np.where(KEEP[..., None], -WORDS, WORDS)))
    rows, _ = rank(candidate, reference, masks=[KEEP])
    assert rows[0].lost == 1
