"""`convertkit init`: a recipe from a few answers, each of which is a flag too."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from convertkit.cli import flags
from convertkit.recipe import SUFFIX
from convertkit.run.prepare import file_stem
from convertkit.samples.intake import NEEDS_FACTORY
from convertkit.sources import inspect_source
from convertkit.verbs.first_recipe import Answers, default_target, recipe_text, write_recipe


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@flags.samples
@click.option("--to", multiple=True, metavar="VARIANT", help="What to make; may be given more than once.")
@flags.factory_alone
@click.option("--static/--dynamic", "is_static", default=None, help="Whether every call has the same sizes.")
@click.option("--rescue/--no-rescue", "rescues", default=None, help="Whether to search where INT8 fails.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file  [default: <model>.yaml].")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def command(
    model: Path,
    samples: str | None,
    to: tuple[str, ...],
    factory: str | None,
    is_static: bool | None,
    rescues: bool | None,
    output: Path | None,
    force: bool,
) -> int:
    """Write a recipe for MODEL, asking what no flag tells.

    Without a terminal nothing is asked: defaults are taken, and said.
    """
    kind = inspect_source(model).kind
    samples = samples if samples is not None else ask("Samples (.npz, .npy, folder; empty: none)", "")
    targets = to or tuple(ask("What to make", default_target(samples)).replace(",", " ").split())
    if factory is None:
        factory = ask("What builds the nn.Module, MODULE:CALLABLE", "") if kind in NEEDS_FACTORY else ""
    if is_static is None:
        is_static = agreed("Fix every size, the batch at one")
    if rescues is None:
        rescues = agreed("Search up to 10 minutes where INT8 fails its gate") if any_int8(targets) else False
    text = recipe_text(model, Answers(targets, samples, factory, is_static, rescues))
    file = output or Path(f"{file_stem(model)}{SUFFIX}")
    write_recipe(text, file, overwrite=force)
    click.echo(text, nl=False)
    click.echo(
        f"wrote {file}; run: {shlex.join(['convertkit', 'convert', str(model), '--recipe', str(file)])}"
    )
    return 0


def any_int8(targets: tuple[str, ...]) -> bool:
    """True where a variant is of integers."""
    return any("int" in target for target in targets)


def has_terminal() -> bool:
    """True where somebody can answer."""
    return sys.stdin.isatty()


def ask(question: str, default: str) -> str:
    """The answer; without a terminal the default, which is said."""
    if has_terminal():
        return str(click.prompt(question, default=default, show_default=bool(default)))
    click.echo(f"{question}: {default or 'none'}, since there is no terminal to ask on", err=True)
    return default


def agreed(question: str) -> bool:
    """Whether the answer is yes; without a terminal no, which is said."""
    if has_terminal():
        return click.confirm(question, default=False)
    click.echo(f"{question}: no, since there is no terminal to ask on", err=True)
    return False
