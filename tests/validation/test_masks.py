"""Masks: padding is not judged, neither as a whole nor by slices nor by samples."""

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.errors import UsageError
from convertkit.validation.gate import judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.masks import check_masks, mask_notes, read_masks
from convertkit.validation.noise import measure_noise
from convertkit.validation.tolerance import DEFAULT_TOLERANCES
from tests.validation.outputs import draw

INT8 = DEFAULT_TOLERANCES[Precision.INT8]
SIGNATURE = Signature(
    (TensorSpec("input_ids", "int64", ("n", 12)), TensorSpec("attention_mask", "int64", ("n", 12))),
    (TensorSpec("last_hidden_state", "float32", ("n", 12, 16)),),
)


@pytest.fixture
def encoder():
    """States of 32 sentences of 12 tokens, right at real tokens and random at padded ones."""
    mask = (np.arange(12) < np.random.default_rng(1).integers(3, 12, 32)[:, None]).astype(np.int64)
    wanted = draw(32, 12, 16)
    got = wanted + np.float32(0.01) * draw(32, 12, 16, seed=2)
    got[mask == 0] = draw(int((mask == 0).sum()), 16, seed=3)
    return wanted, got, mask


def verdict(wanted, got, mask=None):
    found = {} if mask is None else read_masks({"y": "m"}, {"m": mask}, {"y": wanted})
    return judge({"y": wanted}, {"y": got}, INT8, grounds=Grounds(masks=found))


def test_what_the_mask_rules_out_is_left_out(encoder):
    wanted, got, mask = encoder
    assert "dB SQNR" in verdict(wanted, got).reason
    found = verdict(wanted, got, mask)
    assert found.is_passed
    assert found.outputs[0].sqnr_db == pytest.approx(40, abs=0.5)
    assert found.outputs[0].worst_slice.sqnr_db > 35
    assert found.outputs[0].sample_sqnr_p5_db > 35
    assert found.outputs[0].max_abs_error < 0.1


def test_real_tokens_are_judged_as_ever(encoder):
    wanted, got, mask = encoder
    got[:, 0] = draw(32, 16, seed=7)
    assert not verdict(wanted, got, mask).is_passed
    got = wanted.copy()
    got[:, :, 5] = 0
    assert "axis 2, 5: " in verdict(wanted, got, mask).reason


def test_nan_at_padded_tokens_is_nobodys_business(encoder):
    wanted, got, mask = encoder
    got[mask == 0] = np.nan
    assert verdict(wanted, got, mask).is_passed
    got[0, 0, 0] = np.nan
    assert "1 wrong NaN or Inf" in verdict(wanted, got, mask).reason


def test_a_mask_of_no_one_is_no_pass(encoder):
    wanted, got, mask = encoder
    assert "no finite value" in verdict(wanted, got, np.zeros_like(mask)).reason


def test_the_noise_of_the_source_is_that_of_real_tokens(encoder):
    wanted, got, mask = encoder
    masks = read_masks({"y": "m"}, {"m": mask}, {"y": wanted})
    noise = measure_noise({"y": wanted}, {"y": got[:20]}, masks)
    assert float(noise["y"].whole.sqnr_db) > 35


@pytest.mark.parametrize(
    ("masks", "said", "hint"),
    [
        ({"last_hidden_stat": "attention_mask"}, "no output 'last_hidden_stat'", "'last_hidden_state'"),
        ({"last_hidden_state": "mask"}, "no input 'mask'", "attention_mask"),
    ],
)
def test_names_that_the_model_does_not_have(masks, said, hint):
    with pytest.raises(UsageError) as caught:
        check_masks(masks, SIGNATURE)
    assert said in caught.value.message
    assert hint in caught.value.hint
    check_masks({"last_hidden_state": "attention_mask"}, SIGNATURE)


def test_a_mask_that_does_not_fit():
    with pytest.raises(UsageError, match=r"'m' is \[4, 12\], which are not the first axes of 'y', \[4, 16\]"):
        read_masks({"y": "m"}, {"m": np.ones((4, 12))}, {"y": draw(4, 16)})


MASK = (np.arange(12) < np.arange(3, 12)[:, None]).astype(np.int64)


def test_padding_that_is_judged_is_said_with_what_to_do():
    (note,) = mask_notes({}, SIGNATURE, {"attention_mask": MASK})
    assert note == (
        "output 'last_hidden_state' is judged where 'attention_mask' is 0 too; if that is padding: "
        "--set gate.masks.last_hidden_state=attention_mask"
    )


@pytest.mark.parametrize(
    ("masks", "mask"),
    [({"last_hidden_state": "attention_mask"}, MASK), ({}, np.ones_like(MASK))],
    ids=["set", "nothing padded"],
)
def test_nothing_is_said_of_padding_where_there_is_nothing_to_do(masks, mask):
    assert mask_notes(masks, SIGNATURE, {"attention_mask": mask}) == ()


@pytest.mark.parametrize(
    ("mask", "output"),
    [
        (
            TensorSpec("attention_mask", "float32", ("n", 12)),
            ("n", 12, 16),
        ),  # one that is added, 0 for what stays
        (TensorSpec("keep", "int64", ("n", 12)), ("n", 12, 16)),
        (TensorSpec("attention_mask", "int64", ("n", 12)), ("n", 16)),
        (TensorSpec("attention_mask", "int64", ("n",)), ("n", 16)),
    ],
)
def test_nothing_is_said_of_inputs_that_rule_out_nothing_of_an_output(mask, output):
    signature = Signature((mask,), (TensorSpec("y", "float32", output),))
    values = MASK if len(mask.shape) == 2 else MASK[:, -1]
    assert mask_notes({}, signature, {mask.name: values}) == ()
