"""`convertkit serve-kit`."""

from __future__ import annotations

from pathlib import Path

import click

from convertkit.cli.progress import say
from convertkit.kits.server import SERVER_KITS
from convertkit.kits.write import write_kit


@click.command("serve-kit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--for", "kind", required=True, type=click.Choice(list(SERVER_KITS)), help="What serves it.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--only", metavar="VARIANT", help="The artifact to take: onnx:int8.")
@click.option("--name", help="Of the model on the server  [default: the run's folder].")
@click.option(
    "--model-version", "version", type=click.IntRange(1), default=1, show_default=True, help="A number."
)
def command(run: Path, kind: str, out: Path, only: str | None, name: str | None, version: int) -> None:
    """Write the folder that a server loads of RUN (a folder, or a bundle), its configuration, and clients.

    The clients are generated from the signature, and send the vectors.
    """
    subject = write_kit(run, kind, out, say, only=only, name=name, version=version)
    click.echo(f"{out}: {kind} kit of {subject.variant}, {len(subject.vectors)} vectors")
