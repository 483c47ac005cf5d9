"""A signature beside a bundle, in Sigstore's bundle format, made and checked by `openssl` alone.

Source of the format: sigstore_bundle.proto of sigstore/protobuf-specs, version 0.3, a message signature whose
verification material is a public key; what `cosign verify-blob --key PUB --bundle FILE` reads. The key is an
ECDSA one on P-256, as `openssl ecparam -name prime256v1 -genkey` or cosign make it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import subprocess
from pathlib import Path
from typing import Literal

import msgspec

from convertkit.artifacts.digest import hash_path
from convertkit.bundles.container import ChangedError
from convertkit.errors import MissingDependencyError, UsageError
from convertkit.report.report import write_whole
from convertkit.storage.temporary import temporary_folder

SUFFIX = ".sigstore.json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
TOOL = "openssl"
SECONDS = 120
LARGEST_BYTES = 1 << 20


class Digest(msgspec.Struct, frozen=True):
    """The SHA-256 of what was signed, base64."""

    algorithm: Literal["SHA2_256"]
    digest: str


class MessageSignature(msgspec.Struct, frozen=True, rename="camel"):
    """A signature over the bytes of a file, base64 of DER."""

    message_digest: Digest
    signature: str


class PublicKey(msgspec.Struct, frozen=True):
    """Which key it was: base64 of the SHA-256 of its DER form."""

    hint: str = ""


class Material(msgspec.Struct, frozen=True, rename="camel"):
    """What verifies it."""

    public_key: PublicKey


class SigstoreBundle(msgspec.Struct, frozen=True, rename="camel"):
    """The file beside a bundle."""

    media_type: str
    verification_material: Material
    message_signature: MessageSignature


def signature_file(bundle: Path) -> Path:
    """Where the signature of a bundle stands."""
    return bundle.with_name(bundle.name + SUFFIX)


def sign(bundle: Path, key: Path) -> Path:
    """Write the signature of a bundle beside it.

    Args:
        key: a private key, PEM.

    Raises:
        UsageError: it is no key that signs, or needs a passphrase.
        MissingDependencyError: there is no `openssl`.
    """
    signature = openssl("dgst", "-sha256", "-sign", str(key), str(bundle), told=f"{key} does not sign")
    public = openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER", told=f"{key} is no private key")
    hint = base64.b64encode(hashlib.sha256(public).digest()).decode()
    digest = base64.b64encode(bytes.fromhex(hash_path(bundle)[0])).decode()
    message = MessageSignature(Digest("SHA2_256", digest), base64.b64encode(signature).decode())
    found = SigstoreBundle(MEDIA_TYPE, Material(PublicKey(hint)), message)
    out = signature_file(bundle)
    write_whole(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n", out)
    return out


def check_signature(bundle: Path, key: Path) -> None:
    """Raise an error where the signature beside a bundle is not that of a key over these bytes.

    Args:
        key: a public key, PEM, that its owner handed over by another road than the bundle.

    Raises:
        UsageError: there is no signature, or no key.
        ChangedError: it is another key's, or of other bytes.
        MissingDependencyError: there is no `openssl`.
    """
    signature = read_signature(signature_file(bundle))
    openssl("pkey", "-pubin", "-in", str(key), "-noout", told=f"{key} is no public key")
    with temporary_folder() as folder:
        (folder / "signature").write_bytes(signature)
        words = ("-verify", str(key), "-signature", str(folder / "signature"), str(bundle))
        if not succeeded(run("dgst", "-sha256", *words)):
            raise ChangedError(
                f"the signature of {bundle} is not that of {key}",
                hint="it is another key's, or the bundle was changed since: fetch it anew",
            )


def read_signature(file: Path) -> bytes:
    """The signature in a file.

    Raises:
        UsageError: there is no such file, or it is none of this form.
    """
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{file} is no signature: it has {file.stat().st_size >> 20} MiB")
        found = msgspec.json.decode(file.read_bytes(), type=SigstoreBundle)
        return base64.b64decode(found.message_signature.signature, validate=True)
    except OSError:
        raise UsageError(
            f"there is no signature {file}", hint="convertkit bundle RUN -o NAME.ckb --sign KEY.pem"
        ) from None
    except (msgspec.MsgspecError, binascii.Error) as error:
        raise UsageError(f"{file} is no signature by a key: {error}") from None


def openssl(*words: str, told: str) -> bytes:
    """What `openssl` writes to stdout; a UsageError that begins with `told` where it fails."""
    done = run(*words)
    if not succeeded(done):
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise UsageError(f"{told}: {lines[0][:200]}", hint="an ECDSA key on P-256 in PEM, no passphrase")
    return done.stdout


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    """One call of `openssl`, which is asked nothing."""
    command = [TOOL, *words]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
        )
    except FileNotFoundError:
        raise MissingDependencyError(
            f"signatures need the program {TOOL}", hint="install OpenSSL 1.1.1 or newer"
        ) from None


def succeeded(done: subprocess.CompletedProcess[bytes]) -> bool:
    """True where a program ended by 0."""
    return done.returncode == 0
