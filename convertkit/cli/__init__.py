"""The command line: one file a verb, each imported only when it is called. Must not do what the verbs do."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from types import FrameType

import click

from convertkit import __version__
from convertkit.causes import caused
from convertkit.errors import NO_SPACE, ConvertkitError, DiskFullError, Stopped, UsageError, did_you_mean

UNEXPECTED = 1
INTERRUPTED = 130
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEBUG = "--debug"

VERBS = {
    "convert": "Convert a model, checking and measuring every hop.",
    "init": "Write a recipe for a model, asking five questions at most.",
    "validate": "Compare any two artifacts, any formats.",
    "gate": "Judge a run again by other tolerances, from the outputs that it kept.",
    "bench": "Latency, size and memory of artifacts, side by side.",
    "table": "Samples a second of well-known models in every framework, on the same weights.",
    "compare": "What changed from one run or artifact to another; fails on regressions.",
    "bundle": "Put all that a run ships into one file that another machine can verify.",
    "verify": "Check every byte of a bundle, and run its vectors on what is here.",
    "kit": "The app's side of a run: Python, Android, iOS or the web, with its vectors as the test.",
    "serve-kit": "The server's side of a run: TensorFlow Serving, Triton, or ONNX Runtime.",
    "inspect": "What a model file is, its inputs and outputs; runs no code from it.",
    "blame": "Which operators of an INT8 artifact lose most, and their PyTorch modules.",
    "samples": "Check samples before they calibrate.",
    "store": "What the store of hops holds; check it, make it smaller.",
    "recipes": "List, show and check recipes.",
    "report": "Show the report of a run in another format.",
    "fleet": "Convert many models, side by side, on this machine or a cluster.",
    "doctor": "Versions, devices, and which stages can run.",
    "completion": "Code that completes verbs and flags in bash, zsh or fish.",
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
        command: click.Command = importlib.import_module(f"convertkit.cli.{name.replace('-', '_')}").command
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
@click.option(DEBUG, is_flag=True, expose_value=False, help="Show the traceback of an error; for any verb.")
def cli() -> None:
    """Convert PyTorch models to what ships, and prove at every hop that they are still the same.

    Exit codes: 0 passed, 1 unexpected, 2 usage or recipe, 3 no route, 4 missing dependency, 5 a stage
    failed, 6 model file or samples unusable or refused, 7 a gate failed, 8 could not be checked or
    measured, 130, 143, 129 interrupted (SIGINT, SIGTERM, SIGHUP).
    """


def main() -> None:
    """Run the command line; every error becomes one line and its own exit code."""
    stop_on_signals()
    is_debug = DEBUG in sys.argv
    sys.argv[1:] = [word for word in sys.argv[1:] if word != DEBUG]
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (Exception, KeyboardInterrupt) as error:
        if is_debug:
            traceback.print_exc()
        sys.exit(told(error))


def told(error: BaseException) -> int:
    """Say in one line, with a hint where there is one, what ended the program; its exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED
    message, hint, code = described(error)
    if wants_json(sys.argv[1:]):
        import msgspec  # late: `--help` starts without it

        fields = {"error": {"message": message, "hint": hint, "exit_code": code}}
        click.echo(msgspec.json.format(msgspec.json.encode(fields), indent=2).decode())
    click.echo(f"convertkit: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)
    return code


def wants_json(words: list[str]) -> bool:
    """True where the answer was to be JSON: an error is then one too, besides the line on stderr."""
    words = words[: words.index("--")] if "--" in words else words
    return "--json" in words or "--format=json" in " ".join(words).replace("--format json", "--format=json")


def described(error: BaseException) -> tuple[str, str, int]:
    """Message, hint and exit code of an error."""
    if isinstance(error, click.Abort) and error.__cause__ is not None:  # click's own for an interrupt
        return described(error.__cause__)
    if isinstance(error, ConvertkitError):
        return error.message, error.hint, error.exit_code
    if isinstance(error, Stopped):
        return f"interrupted ({error.name})", "", error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted", "", INTERRUPTED
    if isinstance(error, click.ClickException):
        place = getattr(error, "ctx", None)  # the verb that was being read, where there is one
        hint = f"run: {place.command_path if place else 'convertkit'} --help"
        return error.format_message(), hint, UsageError.exit_code
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return f"no space on {error.filename or 'the disk'}", "free some", DiskFullError.exit_code
    return f"unexpected: {caused(error)}", f"{DEBUG} says where; please report it", UNEXPECTED


def stop_on_signals() -> None:
    """Have the signals that ask a program to end raise `Stopped`, once; one that is ignored stays so."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def stop(number: int, frame: FrameType | None) -> None:
    """Raise `Stopped`; from then on only SIGKILL cuts the tidying up short."""
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)
