"""`convertkit kit`."""

from __future__ import annotations

from pathlib import Path

import click

from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.kits.app import APP_KITS
from convertkit.kits.write import write_kit


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--for", "kind", required=True, type=click.Choice(list(APP_KITS)), help="Where it will run.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--only", metavar="VARIANT", help="The artifact to take: tflite:float16.")
@click.option("--name", help="Of the model, for classes and modules  [default: the run's folder].")
@flags.labels
def command(run: Path, kind: str, out: Path, only: str | None, name: str | None, labels: Path | None) -> None:
    """Write what an app needs of RUN (a folder, or a bundle): the model, code for its signature, its vectors.

    The code is generated from the signature: any inputs and outputs, quantized
    ones too. The vectors are its test.
    """
    subject = write_kit(run, kind, out, say, only=only, labels=labels, name=name)
    click.echo(f"{out}: {kind} kit of {subject.variant}, {len(subject.vectors)} vectors")
