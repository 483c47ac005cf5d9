"""What `blame` says: two artifacts of one model, tensor by tensor."""

from __future__ import annotations

import msgspec

DROP = 0.1


class BlameRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of the candidate beside its counterpart.

    Attributes:
        position: in the order of execution.
        tensor: the candidate's name for it.
        reference: the reference's name for it.
        operator: that gives it.
        module: PyTorch path of the first module whose work the operator does; empty where unknown.
        modules: all of them, where operators became one.
        inputs, consumers: names of the candidate's tensors before and after it.
        sqnr_db: of the whole tensor.
        lost: fraction of the information that is noise, 0 to 1, on the worst axis.
        added: what of it this operator adds to what its inputs had lost.
        nan: fraction of its values that are NaN.
        nan_apart: fraction of its values that are NaN, or whose counterpart is, and not both.
    """

    position: int
    tensor: str
    reference: str
    operator: str
    module: str
    modules: tuple[str, ...]
    inputs: tuple[str, ...]
    consumers: tuple[str, ...]
    sqnr_db: float
    lost: float
    added: float
    nan: float = 0.0
    nan_apart: float = 0.0

    @property
    def has_nan(self) -> bool:
        """True where it or its counterpart has NaN."""
        return self.nan > 0 or self.nan_apart > 0


class Blame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two artifacts, tensor by tensor.

    Attributes:
        candidate, reference: variants, in full.
        samples: how many were run.
        rows: first those with NaN, in the order of execution, what the reference has not before what it has;
            then the operators that add most, in the order of execution among equals.
        unmatched: names of the candidate's tensors that have no counterpart.
        unmatched_nan: those of them that have NaN.
        skipped: why they could not be compared, one line; empty where they were.
    """

    candidate: str
    reference: str
    samples: int
    rows: tuple[BlameRow, ...]
    unmatched: tuple[str, ...] = ()
    skipped: str = ""
    unmatched_nan: tuple[str, ...] = ()

    @property
    def first_nan(self) -> BlameRow | None:
        """The row of the first NaN; None where no tensor that was compared has any."""
        return self.rows[0] if self.rows and self.rows[0].has_nan else None

    @property
    def first_drop(self) -> BlameRow | None:
        """The first operator, in the order of execution, that adds a tenth or more; None without one."""
        return min(
            (row for row in self.rows if row.added >= DROP), key=lambda row: row.position, default=None
        )

    @property
    def in_order(self) -> tuple[BlameRow, ...]:
        """The rows in the order of execution."""
        return tuple(sorted(self.rows, key=lambda row: row.position))
