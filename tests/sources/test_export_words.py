"""What exporters say, in plain words."""

from __future__ import annotations

from convertkit.sources.export_words import advice, plain_words

GUARD = """Could not guard on data-dependent expression Eq(u0, 1)

Caused by: (_export/non_strict_utils.py:1205 in __torch_function__)
For more information, run with TORCH_LOGS="dynamic"

The following call raised this error:
  File "/home/someone/models/branch.py", line 20, in forward
    if y.sum() > 1000:

"""


def wrapped(cause: BaseException) -> BaseException:
    """The error as exporters raise it: advice, with the cause below."""
    error = RuntimeError("Failed to export the model. Here is some advice.")
    error.__cause__ = cause
    return error


def test_control_flow_is_told_by_its_line_of_code() -> None:
    words = plain_words(wrapped(RuntimeError(GUARD)))
    assert words == (
        "its control flow depends on the values of a tensor: `if y.sum() > 1000:` (branch.py line 20)"
    )


def test_control_flow_without_a_line() -> None:
    words = plain_words(RuntimeError("Detected dynamic control flow"))
    assert words == "its control flow depends on the values of a tensor"


def test_any_other_cause_is_its_kind_and_first_line() -> None:
    assert plain_words(wrapped(KeyError("\n  missing\nmore"))).startswith("KeyError: ")
    assert len(plain_words(ValueError("x" * 999))) == 300


def test_an_operator_that_onnx_has_not() -> None:
    text = "No ONNX function found for <OpOverload(op='aten.linalg_inv_ex', overload='default')>. Failure: …"
    error = wrapped(RuntimeError(text))
    assert plain_words(error) == "ONNX has no operator for aten.linalg_inv_ex"
    assert "other operators" in advice(error)
    assert advice(wrapped(KeyError("x"))) == ""
