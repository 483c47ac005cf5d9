"""`convertkit bundle`."""

from __future__ import annotations

from pathlib import Path

import click

from convertkit.bundles.build import Wanted, build_bundle
from convertkit.bundles.signing import sign
from convertkit.cli import flags
from convertkit.cli.progress import say
from convertkit.render.numbers import format_bytes


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The file to write: model-1.4.0.ckb."
)
@click.option("--only", multiple=True, metavar="VARIANT", help="Take this artifact alone: tflite:int8.")
@flags.labels
@click.option("--license", default="", metavar="TEXT", help="The model's licence, for its card: Apache-2.0.")
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path),
    help="A private key (PEM): write NAME.ckb.sigstore.json beside the bundle, by openssl.",
)
@flags.allow_code
def command(
    run: Path,
    out: Path,
    only: tuple[str, ...],
    labels: Path | None,
    license: str,
    key: Path | None,
    allow_code: bool,
) -> None:
    """Put all that RUN ships into one file that another machine can verify.

    Artifacts, signatures, report, recipe, versions, preprocessing, labels, a model card, and vectors: a few
    held-out samples with the outputs of the source and of each artifact. The same run gives the same bytes.
    """
    wanted = Wanted(only=only, labels=labels, license=license, allow_code=allow_code)
    manifest, sha256 = build_bundle(run, out, wanted, say)
    for artifact in manifest.artifacts:
        told = "" if artifact.vectors else "  (no outputs: it does not run here)"
        click.echo(f"{artifact.variant}  {artifact.path}{told}")
    click.echo(f"{out}  {format_bytes(out.stat().st_size)}  {len(manifest.members)} members")
    click.echo(f"sha256 {sha256}")
    if key is not None:
        click.echo(f"signature {sign(out, key)}")
