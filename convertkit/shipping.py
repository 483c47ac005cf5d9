"""The Python interface to what ships: bundles. Must not convert, which is `api`'s."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from convertkit.bundles.build import Wanted, build_bundle
from convertkit.bundles.manifest import Manifest
from convertkit.bundles.verify import Verification, verify_bundle
from convertkit.verbs.opening import silent


def bundle(
    run: str | PathLike[str],
    out: str | PathLike[str],
    *,
    only: Sequence[str] = (),
    labels: str | PathLike[str] | None = None,
    license: str = "",
    allow_code: bool = False,
) -> Manifest:
    """Put all that a run ships into one file that another machine can verify; what it holds.

    Args:
        only: variants to take; empty: all that passed.
        labels: file of class names, one a line; None: those that the run has.
        license: of the model, for its card.

    Raises:
        ConvertkitError: the run ships nothing, or the file cannot be written.
    """
    chosen = Path(labels) if labels is not None else None
    wanted = Wanted(only=tuple(only), labels=chosen, license=license, allow_code=allow_code)
    return build_bundle(Path(run), Path(out), wanted, silent)[0]


def verify(
    bundle: str | PathLike[str], *, sha256: str | None = None, allow_code: bool = False
) -> Verification:
    """Check every byte of a bundle, then run its vectors on the runtimes that are here.

    Args:
        sha256: of the whole file, as whoever made it tells.

    Raises:
        InputError: a byte was changed.
        ConvertkitError: it is no bundle.
    """
    return verify_bundle(Path(bundle), silent, sha256=sha256, allow_code=allow_code)
