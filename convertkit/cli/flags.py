"""Options that several verbs share: one name, one meaning, one help text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

samples = click.option("--samples", type=click.Path(), help="An .npz, an .npy, or a folder of images.")
calibration_samples = click.option(
    "--calibration-samples", type=click.Path(), help="Other samples that calibrate, and do nothing else."
)
inputs = click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME:DTYPE[d0,…]",
    help="An input: a word is a free axis, a number fixes it; or AXIS=LOW..HIGH, the sizes to try.",
)
factory_alone = click.option(
    "--factory", metavar="MODULE:CALLABLE", help="Builds the nn.Module of a state dict; or FILE.py:CALLABLE."
)
factory_args = click.option(
    "--factory-args", metavar="JSON", help="Its keyword arguments: '{\"num_classes\": 3}'."
)
allow_missing = click.option(
    "--allow-missing", multiple=True, metavar="PATTERN", help="Keys that a state dict may lack: 'head.*'."
)
allow_extra = click.option(
    "--allow-extra", multiple=True, metavar="PATTERN", help="Keys that it may have besides: 'loss.*'."
)
device = click.option("--device", help="Where latency is measured besides the CPU: auto, cpu, cuda, cuda:N.")
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any key of a recipe, for example gate.min_sqnr_db=30.",
)
gate = click.option(
    "--gate",
    multiple=True,
    metavar="KEY=VALUE",
    help="A key of gate: delegate=gpu fails what that delegate leaves to the CPU.",
)
allow_code = click.option(
    "--allow-code", is_flag=True, help="Allow a model file that is, or may be, a program."
)
labels = click.option(
    "--labels", type=click.Path(path_type=Path), help="Class names, one a line  [default: the run's own]."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def factory(command: Callable[..., Any]) -> Callable[..., Any]:
    """What builds the module of a state dict, its arguments, and the keys that need not fit."""
    for option in (allow_extra, allow_missing, factory_args, factory_alone):
        command = option(command)
    return command
