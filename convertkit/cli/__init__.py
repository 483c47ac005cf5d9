"""The command line: one file a verb, each imported only when it is called. Must not do what the verbs do."""

from __future__ import annotations

import importlib
import sys

import click

from convertkit import __version__
from convertkit.errors import ConvertkitError, UsageError, did_you_mean

INTERRUPTED = 130

VERBS = {
    "convert": "Convert a model, checking and measuring every hop.",
    "validate": "Compare any two artifacts, any formats.",
    "bench": "Latency, size and memory of artifacts, side by side.",
    "compare": "What changed from one run or artifact to another; fails on regressions.",
    "inspect": "What a model file is, its inputs and outputs; runs no code from it.",
    "blame": "Which operators of an INT8 artifact lose most, and their PyTorch modules.",
    "samples": "Check samples before they calibrate.",
    "store": "What the store of hops holds; check it, make it smaller.",
    "recipes": "List, show and check recipes.",
    "report": "Show the report of a run in another format.",
    "doctor": "Versions, devices, and which stages can run.",
}


class Verbs(click.Group):
    """A group that knows its commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the verb's module."""
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"convertkit.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint for a misspelt verb."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"no such command '{args[0]}' ({did_you_mean(args[0], VERBS)})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs, from the literal above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="convertkit")
def cli() -> None:
    """Convert PyTorch models to what ships, and prove at every hop that they are still the same.

    Exit codes: 0 passed, 1 unexpected, 2 usage or recipe, 3 no route, 4 missing dependency, 5 a stage
    failed, 6 model file or samples unusable or refused, 7 a gate failed, 8 could not be checked or
    measured, 130 interrupted.
    """


def main() -> None:
    """Run the command line; every deliberate error becomes one line and its own exit code."""
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except ConvertkitError as error:
        click.echo(f"convertkit: {error.message}", err=True)
        if error.hint:
            click.echo(f"  hint: {error.hint}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        click.echo(f"convertkit: {error.format_message()}", err=True)
        click.echo("  hint: convertkit --help, or convertkit VERB --help", err=True)
        sys.exit(UsageError.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("convertkit: interrupted", err=True)
        sys.exit(INTERRUPTED)
