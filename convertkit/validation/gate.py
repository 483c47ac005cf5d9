"""The gate: whether an artifact's outputs are still the source's. Fails first on what no metric can see."""

from __future__ import annotations

import msgspec
import numpy as np

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Array, Arrays
from convertkit.config.run_settings import BudgetOptions, GateOptions
from convertkit.validation.compare import OutputMetrics, output_metrics, top1_accuracy

Verdict = str
PASSED: Verdict = "passed"
FAILED: Verdict = "failed"


class Tolerance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gate allows.

    Attributes:
        min_sqnr_db: lowest of any output, decibels.
        max_accuracy_drop: fraction; decides instead of SQNR for the scores of an integer target with labels.
        min_agreement: fraction of equal entries; decides instead of SQNR for integer and boolean outputs.
    """

    min_sqnr_db: float
    max_accuracy_drop: float = 0.01
    min_agreement: float = 0.99


DEFAULT_TOLERANCES = {
    Precision.FLOAT32: Tolerance(60.0),
    Precision.FLOAT16: Tolerance(35.0),
    Precision.INT8_DYNAMIC: Tolerance(20.0, min_agreement=0.9),
    Precision.INT8: Tolerance(20.0, min_agreement=0.9),
    Precision.INT16X8: Tolerance(30.0, min_agreement=0.9),
}


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accuracy on the labelled validation samples.

    Attributes:
        drop: the source's accuracy minus this artifact's, a fraction.
        output: name of the output that holds the scores.
    """

    metric: str
    value: float
    drop: float
    output: str


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One artifact against another.

    Attributes:
        outputs: empty where the outputs could not be compared at all.
        reason: why the verdict is `failed`, one line; empty when passed.
    """

    outputs: tuple[OutputMetrics, ...]
    verdict: Verdict
    tolerance: Tolerance
    reason: str = ""

    @property
    def is_passed(self) -> bool:
        """True where the gate let it through."""
        return self.verdict == PASSED

    @property
    def lowest_sqnr_db(self) -> float | None:
        """The lowest of any float output, of any where there are none; None where nothing was compared."""
        floats = [row.sqnr_db for row in self.outputs if row.agreement is None]
        return min(floats or [row.sqnr_db for row in self.outputs], default=None)


def tolerance_for(precision: Precision, options: GateOptions) -> Tolerance:
    """The default tolerance of a precision, with what the options set."""
    given = {
        "min_sqnr_db": options.min_sqnr_db,
        "max_accuracy_drop": options.max_accuracy_drop,
        "min_agreement": options.min_agreement,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(DEFAULT_TOLERANCES[precision], **chosen)


def demanded(tolerance: Tolerance, budget: BudgetOptions) -> Tolerance:
    """The gate's tolerance, with what the budget sets in its place."""
    given = {"min_sqnr_db": budget.sqnr_db, "max_accuracy_drop": budget.accuracy_drop}
    return msgspec.structs.replace(
        tolerance, **{name: value for name, value in given.items() if value is not None}
    )


def stricter(one: Tolerance, other: Tolerance) -> Tolerance:
    """What passes both."""
    return Tolerance(
        max(one.min_sqnr_db, other.min_sqnr_db),
        min(one.max_accuracy_drop, other.max_accuracy_drop),
        max(one.min_agreement, other.min_agreement),
    )


def judge(
    reference: Arrays, candidate: Arrays, tolerance: Tolerance, *, accuracy: Accuracy | None = None
) -> Comparison:
    """Compare two sets of outputs, logical, in the same order of samples.

    Args:
        reference: outputs of the source or of the previous artifact.
        accuracy: where given, its drop decides for the output that holds the scores.
    """
    broken = structural_fault(reference, candidate)
    if broken:
        return Comparison((), FAILED, tolerance, broken)
    metrics = tuple(output_metrics(name, reference[name], candidate[name]) for name in reference)
    faults = [value_fault(name, reference[name], candidate[name]) for name in reference]
    if accuracy is not None and accuracy.drop > tolerance.max_accuracy_drop:
        faults.append(
            f"accuracy drops by {accuracy.drop:.4f}, more than {tolerance.max_accuracy_drop:g} "
            f"(to {accuracy.value:.4f})"
        )
    decided = accuracy.output if accuracy is not None else None
    faults += [metric_fault(row, tolerance) for row in metrics if row.name != decided]
    reason = next((fault for fault in faults if fault), "")
    return Comparison(metrics, FAILED if reason else PASSED, tolerance, reason)


def metric_fault(row: OutputMetrics, tolerance: Tolerance) -> str:
    """What an output's figures break: agreement for integers and booleans, SQNR for floats; else empty."""
    if row.agreement is not None:
        if row.agreement >= tolerance.min_agreement:
            return ""
        return (
            f"output '{row.name}': {row.agreement:.1%} of the entries agree, "
            f"fewer than {tolerance.min_agreement:.1%}"
        )
    if row.sqnr_db >= tolerance.min_sqnr_db:
        return ""
    return (
        f"output '{row.name}': {row.sqnr_db:.1f} dB SQNR, below {tolerance.min_sqnr_db:g} dB "
        f"(max error {row.max_abs_error:.3g})"
    )


def structural_fault(reference: Arrays, candidate: Arrays) -> str:
    """What makes two sets of outputs incomparable: names, count, shape, type; empty where nothing does."""
    if list(reference) != list(candidate):
        return f"outputs are {', '.join(candidate) or 'none'}, expected {', '.join(reference)}"
    for name, wanted in reference.items():
        got = candidate[name]
        if got.shape != wanted.shape:
            return f"output '{name}' has shape {list(got.shape)}, expected {list(wanted.shape)}"
        if np.dtype(got.dtype).kind != np.dtype(wanted.dtype).kind:
            return f"output '{name}' has type {got.dtype}, expected {wanted.dtype}"
        if wanted.size == 0:
            return f"output '{name}' is empty: there is nothing to compare"
    return ""


def value_fault(name: str, reference: Array, candidate: Array) -> str:
    """What no tolerance may excuse: values that are not finite, or constant where the source's vary."""
    wanted, got = np.isfinite(reference), np.isfinite(candidate)
    if not wanted.any():
        return f"output '{name}': the source itself gives no finite value, so nothing can be compared"
    wrong = count_wrong_specials(reference, candidate)
    if wrong:
        return f"output '{name}' has {wrong} wrong NaN or Inf"
    if is_constant(candidate[got]) and not is_constant(reference[wanted]):
        return f"output '{name}' is constant ({candidate[got][0]:.6g}), the source's is not"
    if len(reference) > 1 and repeats_first(candidate) and not repeats_first(reference):
        return f"output '{name}' is the same for every sample, the source's is not"
    return ""


def count_wrong_specials(reference: Array, candidate: Array) -> int:
    """Entries that are NaN, Inf or -Inf in one array and not the same in the other."""
    either = ~(np.isfinite(reference) & np.isfinite(candidate))
    a, b = reference[either], candidate[either]
    return int(((a != b) & ~(np.isnan(a) & np.isnan(b))).sum())


def is_constant(values: Array) -> bool:
    """True where all values are the same."""
    return bool(values.size) and bool((values == values.flat[0]).all())


def repeats_first(values: Array) -> bool:
    """True where every sample has the first sample's values."""
    return bool(np.array_equal(values, np.broadcast_to(values[:1], values.shape), equal_nan=True))


def measure_accuracy(reference: Arrays, candidate: Arrays, labels: Array | None) -> Accuracy | None:
    """Top-1 accuracy of the first [samples, classes] output; None without labels or such an output."""
    if labels is None:
        return None
    for name, scores in reference.items():
        if scores.ndim == 2 and scores.shape[1] > labels.max(initial=0):
            got = candidate.get(name)
            if got is None or got.shape != scores.shape:
                return None
            value = top1_accuracy(got, labels)
            return Accuracy("top1", value, top1_accuracy(scores, labels) - value, name)
    return None
