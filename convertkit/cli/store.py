"""`convertkit store`."""

from __future__ import annotations

import click
import msgspec

from convertkit.cli import flags
from convertkit.errors import StageError
from convertkit.render.numbers import format_bytes
from convertkit.storage.store import LARGEST_BYTES, Store
from convertkit.verbs.store import list_entries, prune_store, store_path, verify_store

DAMAGED = StageError.exit_code
KEY_LETTERS = 12


@click.group(short_help="What the store of hops holds; check it, make it smaller.")
def command() -> None:
    """The store of hops: artifacts and answers of earlier runs. CONVERTKIT_CACHE names another folder."""


@command.command("list")
@flags.as_json
def list_(as_json: bool) -> None:
    """List what is kept, the one used last first."""
    entries = list_entries(Store.default())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(entries), indent=2).decode())
        return
    for entry in entries:
        made = f"{entry.stage} → {entry.target}" if entry.stage else "of an earlier version"
        ago = f"{entry.used_s / 86400:.1f} days ago"
        click.echo(f"{entry.key[:KEY_LETTERS]}  {format_bytes(entry.size_bytes):>8}  {ago:>14}  {made}")
    click.echo(f"{len(entries)} kept, {format_bytes(sum(entry.size_bytes for entry in entries))}")


@command.command()
@flags.as_json
def verify(as_json: bool) -> int:
    """Hash every artifact; damaged ones are put aside, and are made anew when they are needed.

    Exit code 0 where all are whole, 5 where one was not.
    """
    found = verify_store(Store.default())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for key in found.damaged:
            click.echo(f"{key[:KEY_LETTERS]}  damaged, put aside")
        click.echo(f"{found.whole} whole, {len(found.damaged)} damaged")
    return DAMAGED if found.damaged else 0


@command.command()
@click.option(
    "--to-mib",
    type=click.IntRange(0),
    default=LARGEST_BYTES >> 20,
    show_default=True,
    help="Keep at most so much.",
)
def prune(to_mib: int) -> None:
    """Remove what was used longest ago, until the rest is small enough; and what was put aside as damaged."""
    removed = prune_store(Store.default(), to_mib << 20)
    click.echo(f"{len(removed)} removed")


@command.command()
def path() -> None:
    """Print the store's folder."""
    click.echo(store_path(Store.default()))
