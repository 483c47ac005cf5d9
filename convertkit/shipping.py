"""The Python interface to what ships: bundles and kits. Must not convert, which is `api`'s."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from convertkit.bundles import signing
from convertkit.bundles.build import Wanted, build_bundle
from convertkit.bundles.manifest import Manifest
from convertkit.bundles.verify import Verification, verify_bundle
from convertkit.kits.write import write_kit
from convertkit.verbs.opening import silent


def bundle(
    run: str | PathLike[str],
    out: str | PathLike[str],
    *,
    only: Sequence[str] = (),
    labels: str | PathLike[str] | None = None,
    license: str = "",
    sign: str | PathLike[str] | None = None,
    allow_code: bool = False,
) -> Manifest:
    """Put all that a run ships into one file that another machine can verify; what it holds.

    Args:
        only: variants to take; empty: all that passed.
        labels: file of class names, one a line; None: those that the run has.
        license: of the model, for its card.
        sign: a private key (PEM) whose signature is written beside the bundle; None: none is.

    Raises:
        ConvertkitError: the run ships nothing, or the file cannot be written.
    """
    chosen = Path(labels) if labels is not None else None
    wanted = Wanted(only=tuple(only), labels=chosen, license=license, allow_code=allow_code)
    manifest, _ = build_bundle(Path(run), Path(out), wanted, silent)
    if sign is not None:
        signing.sign(Path(out), Path(sign))
    return manifest


def verify(
    bundle: str | PathLike[str],
    *,
    sha256: str | None = None,
    key: str | PathLike[str] | None = None,
    allow_code: bool = False,
) -> Verification:
    """Check every byte of a bundle, then run its vectors on the runtimes that are here.

    Args:
        sha256: of the whole file, as whoever made it tells.
        key: the public key (PEM) that it has to be signed by.

    Raises:
        InputError: a byte was changed, or the signature is not that of the key.
        ConvertkitError: it is no bundle.
    """
    owner = Path(key) if key is not None else None
    return verify_bundle(Path(bundle), silent, sha256=sha256, key=owner, allow_code=allow_code)


def kit(
    run: str | PathLike[str],
    kind: str,
    out: str | PathLike[str],
    *,
    only: str | None = None,
    labels: str | PathLike[str] | None = None,
    name: str | None = None,
    version: int = 1,
) -> None:
    """Write what an app or a server needs of a run, generated from its signature, with vectors as its test.

    Args:
        run: the folder of a run, or a bundle.
        kind: `python`, `android`, `ios`, `web`, `tfserving`, `triton` or `onnxruntime`.
        out: a folder that is not there, or is empty.
        only: the variant to take; None: the one that suits the kind best.
        labels: file of class names, one a line; None: those that the run has.
        name: of the model; None: that of the run's folder, or of the bundle.
        version: of the model, for servers.

    Raises:
        ConvertkitError: there is nothing that the kit could be made of, or the folder holds something.
    """
    chosen = Path(labels) if labels is not None else None
    write_kit(Path(run), kind, Path(out), silent, only=only, labels=chosen, name=name, version=version)
