"""`convertkit doctor`: versions, devices, which stages can run, and the lines that make the rest run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click
import msgspec

from convertkit.cli.progress import say
from convertkit.environment.devices import NO_GPU
from convertkit.environment.extras import ExtraState
from convertkit.environment.state import EnvironmentState, Package
from convertkit.errors import MissingDependencyError
from convertkit.verbs.doctor import Diagnosis, StageState, diagnose
from convertkit.workers.confinement import has_own_processes

INCOMPLETE = MissingDependencyError.exit_code
GUARDED = (
    "no namespace of processes is granted here: a process beside each worker ends what it started, "
    "and the next run what that one left"
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.option("--quick", is_flag=True, help="Start no worker: look at versions only.")
def command(as_json: bool, quick: bool) -> int:
    """Show versions, devices, and which stages can run; for the rest, the exact line to run.

    Starts the worker of each environment once, which imports its frameworks. Installs nothing. Exit code
    0 where every stage can run, 4 where one cannot. The 'field' environment is optional: without it, no
    .tflite is checked on tflite-runtime 2.14.
    """
    diagnosis = diagnose(quick=quick, starting=announce)
    if as_json:
        content = msgspec.json.format(msgspec.json.encode(diagnosis), indent=2)
        sys.stdout.write(content.decode() + "\n")
    else:
        for line in lines(diagnosis):
            click.echo(line)
    return 0 if diagnosis.is_complete else INCOMPLETE


def announce(environment: str) -> None:
    """Name what is being waited for."""
    say(f"starting '{environment}'")


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """One line per fact."""
    yield f"convertkit {diagnosis.convertkit}, Python {diagnosis.python}, {diagnosis.platform}"
    yield fact("cpu", diagnosis.cpu)
    yield from (fact("gpu", name) for name in diagnosis.gpus or (NO_GPU,))
    yield "packages"
    packages = {item: None for state in diagnosis.environments for item in state.packages}
    yield from map(package_line, sorted(packages, key=lambda item: item.name))
    yield "environments"
    yield from map(environment_line, diagnosis.environments)
    yield from process_lines(diagnosis.environments)
    yield "stages"
    yield from map(stage_line, diagnosis.stages)
    yield "extras"
    yield from map(extra_line, diagnosis.extras)
    yield "conflicts"
    yield from (fact("warning", advised("", item.problem, item.fix)) for item in diagnosis.conflicts)
    if not diagnosis.conflicts:
        yield fact("ok", "none")


def package_line(item: Package) -> str:
    """A package and its version."""
    if item.version is None:
        return fact("missing", f"{item.name}{item.supported}")
    return fact("ok" if item.is_supported else "warning", f"{item.name} {item.version}")


def environment_line(state: EnvironmentState) -> str:
    """An environment: its interpreter and how long it took to start, or what is wrong."""
    if state.problem:
        return fact("missing", advised(state.name, state.problem, state.fix))
    if state.seconds is None:
        return fact("found", f"{state.name}: {state.python}, not started")
    return fact(
        "ok", f"{state.name}: {state.python}, started in {state.seconds:.1f} s, sandbox {state.sandbox}"
    )


def process_lines(states: Sequence[EnvironmentState]) -> Iterator[str]:
    """What ends the processes that workers start, where the kernel does not."""
    lacking = [state.name for state in states if state.sandbox and not has_own_processes(state.sandbox)]
    if lacking:
        yield fact("note", f"{', '.join(lacking)}: {GUARDED}")


def stage_line(stage: StageState) -> str:
    """A stage and what it makes, or why it cannot."""
    if not stage.can_run:
        return fact("cannot", advised(stage.name, stage.problem, stage.fix))
    return fact("ok", f"{stage.name}: {stage.source} → {', '.join(stage.targets)}")


def extra_line(extra: ExtraState) -> str:
    """An optional extra: its version, or the line that installs it; without it a run still has other ways."""
    if extra.version is None:
        return fact("optional", advised(extra.name, extra.summary, extra.fix))
    return fact("ok", f"{extra.name} {extra.version}: {extra.summary}")


def advised(name: str, problem: str, fix: str) -> str:
    """What is wrong, and the line to run."""
    return f"{name}{': ' if name else ''}{problem}{'; run: ' if fix else ''}{fix}"


def fact(word: str, text: str) -> str:
    """An indented line."""
    return f"  {word:<8} {text}"
