"""The page of INT8: rows measured anew take the place of their own and leave the others."""

from benchmarks import int8

CELLS = ["fixture digits", "onnx:int8", "29.5", "99.9", "compensated", "1.004", "1.00 [0.95–1.00]", "0.1"]


def test_without_new_rows_the_page_stays_as_it_is():
    text = int8.PAGE.read_text(encoding="utf-8")
    assert int8.page(text, {}) == text


def test_a_row_measured_anew_takes_the_place_of_its_own():
    before = int8.PAGE.read_text(encoding="utf-8").splitlines()
    after = int8.page("\n".join(before), {("fixture digits", "onnx:int8"): CELLS}).splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [old.split(" | ")[0] for old, _ in changed] == ["| fixture digits"]
    assert "| 99.9 |" in changed[0][1]
    assert "[0.95" in changed[0][1]


def test_a_new_target_stands_below_those_of_its_model():
    text = int8.PAGE.read_text(encoding="utf-8")
    fresh = {("zoo mobilenet-v2", "torch:int8"): ["zoo mobilenet-v2", "torch:int8", *CELLS[2:]]}
    lines = int8.page(text, fresh).splitlines()
    (place,) = (n for n, line in enumerate(lines) if line.startswith("| zoo mobilenet-v2 | torch:int8 |"))
    assert lines[place - 1].startswith("| zoo mobilenet-v2 | onnx:int8 |")
