"""Findings: what stops a run, what is turned down by name, and the one line of each."""

import pytest

from convertkit.calibration.finding import Finding, accept, errors_of, refuse
from convertkit.errors import SamplesError

ERROR = Finding("range", "error", "x", "input 'x' is raw", "divide by 255")
OTHER = Finding("classes", "error", "", "one class only")
WARNING = Finding("channels", "warning", "x", "channel 2 never varies")


def test_errors_stop_with_the_first_ones_words_and_the_names_of_all():
    with pytest.raises(SamplesError) as caught:
        refuse([WARNING, ERROR, OTHER])
    assert caught.value.exit_code == 6
    assert caught.value.message == "input 'x' is raw (also: classes)"
    assert caught.value.hint == "divide by 255; if it is meant: --set 'sampling.accept=[range,classes]'"


def test_an_error_without_a_hint_still_says_how_it_is_accepted():
    with pytest.raises(SamplesError) as caught:
        refuse([OTHER])
    assert caught.value.hint == "if it is meant: --set 'sampling.accept=[classes]'"


def test_warnings_and_nothing_stop_nothing():
    refuse([])
    refuse([WARNING])


def test_accepted_by_name():
    found = accept([WARNING, ERROR, OTHER], ["range", "channels"])
    assert [each.severity for each in found] == ["warning", "accepted", "error"]
    assert errors_of(found) == [OTHER]
    assert found[1].note == "calibration, accepted by name (range): input 'x' is raw"
    assert found[0].note == "calibration, warning (channels): channel 2 never varies"
