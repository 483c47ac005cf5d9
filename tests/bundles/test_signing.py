"""A signature beside a bundle: of its key and of its bytes, or it is refused."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from convertkit.artifacts.digest import hash_path
from convertkit.bundles import signing
from convertkit.bundles.signing import check_signature, sign, signature_file
from convertkit.bundles.verify import verify_bundle
from convertkit.cli import cli
from convertkit.errors import InputError, MissingDependencyError, UsageError
from tests.bundles.conftest import infer, quiet

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    for command in (
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private],
        ["openssl", "pkey", "-in", private, "-pubout", "-out", public],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return private, public


@pytest.fixture
def signed(whole: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A signed copy of a bundle, and the public key."""
    private, public = key_pair(tmp_path, "key")
    copy = Path(shutil.copy(whole, tmp_path / "model.ckb"))
    sign(copy, private)
    return copy, public


def test_it_is_found_right_and_said(signed: tuple[Path, Path]) -> None:
    bundle, public = signed
    assert verify_bundle(bundle, quiet, key=public, infer=infer).key == str(public)
    assert verify_bundle(bundle, quiet, infer=infer).key == ""


def test_the_file_is_of_sigstore_s_form(signed: tuple[Path, Path]) -> None:
    found = json.loads(signature_file(signed[0]).read_bytes())
    assert found["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    digest = found["messageSignature"]["messageDigest"]
    assert base64.b64decode(digest["digest"]).hex() == hash_path(signed[0])[0]
    assert digest["algorithm"] == "SHA2_256"
    assert len(base64.b64decode(found["verificationMaterial"]["publicKey"]["hint"])) == 32


def test_another_key_and_other_bytes_are_refused(signed: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, public = signed
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(InputError, match="is not that of") as error:
        check_signature(bundle, other)
    assert error.value.exit_code == 6
    bundle.write_bytes(bundle.read_bytes() + b" ")
    with pytest.raises(InputError, match="is not that of"):
        check_signature(bundle, public)


def test_what_is_no_signature_or_key(signed: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, public = signed
    with pytest.raises(UsageError, match="does not sign"):
        sign(bundle, public)
    with pytest.raises(UsageError, match="is no public key"):
        check_signature(bundle, bundle)
    for content in (b"{}", b"no json", b'{"mediaType": 1}'):
        signature_file(bundle).write_bytes(content)
        with pytest.raises(UsageError, match="is no signature by a key"):
            check_signature(bundle, public)
    signature_file(bundle).unlink()
    with pytest.raises(UsageError, match="there is no signature"):
        check_signature(bundle, public)


def test_without_openssl_it_is_said_what_is_missing(
    signed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "TOOL", "no-such-program")
    with pytest.raises(MissingDependencyError, match="need the program"):
        check_signature(*signed)


def test_the_verb_refuses_another_key(signed: tuple[Path, Path], tmp_path: Path) -> None:
    _, other = key_pair(tmp_path, "other")
    words = ["verify", str(signed[0]), "--key", str(other)]
    said = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(said.exception, InputError)
