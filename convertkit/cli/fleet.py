"""`convertkit fleet`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from convertkit.cli import flags
from convertkit.fleets.fleet import FleetRequest, run_fleet, run_one
from convertkit.fleets.fleet_file import load_fleet
from convertkit.fleets.snakemake import workflow
from convertkit.render.fleet import job_line, render_fleet
from convertkit.report.fleet import FleetReport, JobRecord


@click.command()
@click.argument("file", metavar="FLEET.yaml", type=click.Path(path_type=Path))
@click.option("--address", metavar="HOST:PORT", help="Of a Ray cluster  [default: one of its own, here].")
@click.option("--jobs", type=click.IntRange(1), help="At once, here  [default: one for each core].")
@click.option("--resume", is_flag=True, help="Leave jobs that an earlier call has done.")
@click.option("--only", default="", metavar="NAME", help="Do this one job, here, without Ray.")
@click.option("--emit", type=click.Choice(["snakemake"]), help="Print a workflow instead of doing the jobs.")
@flags.as_json
def command(
    file: Path,
    address: str | None,
    jobs: int | None,
    resume: bool,
    only: str,
    emit: str | None,
    as_json: bool,
) -> int:
    """Convert the models of FLEET.yaml with their recipes, several at once, on Ray.

    Each job is a run of `convert` in a process of its own, with a folder of its own. One that crashes is
    tried once more; one that is refused, or whose gate fails, is not. The exit code is the worst of all.
    `--only` ends with 0 as soon as the job's record is written, whatever it says, unless the job crashed.
    """
    if emit:
        click.echo(workflow(load_fleet(file)), nl=False)
        return 0
    request = FleetRequest(file, address, jobs, resume, only)
    if only:
        record = run_one(request)
        click.echo(job_line(record), err=as_json)
        return 0 if record.status in ("passed", "failed", "refused") else record.exit_code
    report = watched(request)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        Console(highlight=False).print(render_fleet(report))
    return report.exit_code


def watched(request: FleetRequest) -> FleetReport:
    """Do the jobs, with a bar on a terminal, and a line on stderr for each that is done."""
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("jobs")

        def planned(count: int) -> None:
            bar.update(task, total=count)
            console.print(f"{count} jobs")

        def told(record: JobRecord) -> None:
            console.print(job_line(record), markup=False, soft_wrap=True)
            bar.advance(task)

        return run_fleet(request, planned, told)
