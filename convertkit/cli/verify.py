"""`convertkit verify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from convertkit.bundles.verify import Checked, Verification, verify_bundle
from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.render.numbers import format_error, format_sqnr_db
from convertkit.validation.powers import LARGEST_SQNR_DB


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--sha256", metavar="HEX", help="Of the whole file, as whoever made it told you.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="A public key (PEM): the signature BUNDLE.sigstore.json has to be of it, by openssl.",
)
@flags.allow_code
@flags.as_json
def command(bundle: Path, sha256: str | None, key: Path | None, allow_code: bool, as_json: bool) -> int:
    """Check every byte of BUNDLE, then run its vectors on the runtimes that are here.

    Exit code 0 where some artifact ran and all that did agree with what was recorded; 6 where a byte was
    changed, or the signature is not that of the key; 7 where an artifact does not agree; 8 where no artifact
    could be run here.
    """
    found = verify_bundle(bundle, say, sha256=sha256, key=key, allow_code=allow_code)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for line in lines(found):
            click.echo(line)
    return found.exit_code


def lines(found: Verification) -> Iterator[str]:
    """Bytes, then artifacts, then versions, then the verdict."""
    yield f"{found.name}: {found.members} members are as they were bundled"
    yield f"sha256 {found.sha256}"
    if found.key:
        yield f"signed by {found.key}"
    yield from (line(each) for each in found.checked)
    for package, (made, here) in found.versions.items():
        yield f"{package}: made with {made}, here {here}"
    counts = {
        state: sum(each.status == state for each in found.checked)
        for state in ("passed", "failed", "skipped")
    }
    yield ", ".join(f"{number} {state}" for state, number in counts.items())


def line(each: Checked) -> str:
    """One artifact on one runtime."""
    start = f"{each.status:<7}  {each.path}  {each.runtime}".rstrip()
    if each.sqnr_db is not None:
        same = each.sqnr_db >= LARGEST_SQNR_DB
        error = f"{format_sqnr_db(each.sqnr_db)} dB, max error {format_error(each.max_abs_error)}"
        start += f"  {'identical' if same else error}"
    return f"{start}: {each.reason}" if each.reason else start
