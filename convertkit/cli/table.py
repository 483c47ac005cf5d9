"""`convertkit table`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from convertkit.cli import flags
from convertkit.cli.bench import counts
from convertkit.cli.progress import AsideProgress
from convertkit.config.run_settings import CompileMode
from convertkit.errors import NotMeasuredError
from convertkit.frameworks.table import TableRequest, make_table
from convertkit.render.frameworks import frameworks_page, render_frameworks
from convertkit.report.frameworks import JSON_FILE, PAGE_FILE
from convertkit.report.report import write_json, write_whole
from convertkit.words import worded_recipe

NONE = "none"


@click.command()
@click.option("--only", multiple=True, metavar="MODEL", help="This model; may be given more than once.")
@click.option("--batch", "batches", metavar="N,…", help="Samples in a call  [default: each model's own].")
@click.option("--threads", type=click.IntRange(1), help="Of each runtime  [default: bench.threads].")
@click.option(
    "--compile",
    "modes",
    metavar="MODE,…",
    help="Modes of torch.compile, or none  [default: default; for the MLP all three].",
)
@click.option("--small", is_flag=True, help="Tiny models of the same layers, to try the command out.")
@click.option("--device", default="auto", help="Where it is measured: auto, cpu, cuda, cuda:N.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/frameworks"),
    help=f"Folder for {PAGE_FILE} and {JSON_FILE}  [default: build/frameworks].",
)
@flags.settings
@flags.as_json
def command(
    only: tuple[str, ...],
    batches: str | None,
    threads: int | None,
    modes: str | None,
    small: bool,
    device: str,
    out: Path,
    settings: tuple[str, ...],
    as_json: bool,
) -> int:
    """Samples a second of well-known models in every framework, on the same weights.

    The models: mlp, resnet-50, bert-base, gpt2, vit-b16, efficientnet-b7, unet-block. Each is built with
    seeded weights, converted, its outputs compared, and measured as `bench` does: PyTorch eager and compiled,
    ONNX Runtime, TensorFlow, LiteRT. Exit code 8 where one of them has no figures.
    """
    request = TableRequest(
        only=only,
        batches=counts("--batch", batches),
        modes=parsed_modes(modes),
        threads=threads,
        device=device,
        is_small=small,
        settings=settings,
    )
    for found in make_table(request, AsideProgress()):  # written after each model: a long run leaves its part
        out.mkdir(parents=True, exist_ok=True)
        write_json(found, out / JSON_FILE)
        write_whole(frameworks_page(found).encode(), out / PAGE_FILE)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        Console(highlight=False).print(render_frameworks(found))
        click.echo(f"Page: {out / PAGE_FILE}")
    return 0 if found.is_whole else NotMeasuredError.exit_code


def parsed_modes(text: str | None) -> tuple[CompileMode, ...] | None:
    """`default,max-autotune` as modes; None where nothing was said.

    Raises:
        UsageError: there is no such mode.
    """
    if text is None:
        return None
    return worded_recipe(settings=[f"bench.compile=[{'' if text == NONE else text}]"]).bench.compile
