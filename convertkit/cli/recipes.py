"""`convertkit recipes`: list, show, check, and the JSON schema for editors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click

from convertkit.artifacts.formats import Format, Variant
from convertkit.environment.devices import DEVICE_PATTERN
from convertkit.errors import UsageError
from convertkit.plan import plan
from convertkit.recipe import Recipe, find_recipe, load_recipe, recipe_names, recipe_schema
from convertkit.registry import parse_variant
from convertkit.samples.asked import asked_of

ATTRIBUTE = re.compile(r"^ {8}(?P<names>\w+(?:, \w+)*): (?P<text>\S.*(?:\n {12}.*)*)", re.MULTILINE)


@click.group(short_help="List, show and check recipes.")
def command() -> None:
    """List, show and check recipes: what a run is told, as YAML.

    \b
    Use one:     convertkit convert MODEL --recipe mobile-int8     (flags win over the recipe)
    Change one:  convertkit recipes show mobile-int8 > mine.yaml
    """


@command.command("list")
def list_recipes() -> None:
    """Names and summaries of the recipes that come with convertkit."""
    names = recipe_names()
    width = max(map(len, names), default=0)
    for name in names:
        click.echo(f"{name:<{width}}  {load_recipe(name).summary}")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the recipe NAME, comments included."""
    click.echo(find_recipe(name).read_text(encoding="utf-8"), nl=False)


@command.command()
@click.argument("files", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> None:
    """Check the recipes FILES, without a model.

    Keys, values, variants, inputs, and that there is a route. Prints OK, or what is wrong (exit 2; 3
    where no route leads to a variant).
    """
    for file in files:
        check_values(load_recipe(file), file)
    click.echo("OK")


@command.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    click.echo(json.dumps(described(recipe_schema()), indent=2, ensure_ascii=False))


def check_values(recipe: Recipe, origin: str) -> None:
    """What `convert` would only find out later, and independently of this machine and of any model.

    Raises:
        UsageError: a variant, input or device is none.
        NoRouteError: no chain of stages leads from PyTorch to a variant.
    """
    try:
        plan(Variant(Format.TORCH), [parse_variant(text) for text in recipe.to])
        asked_of(recipe)
    except UsageError as error:
        raise UsageError(f"{origin}: {error.message}", hint=error.hint) from None
    if not DEVICE_PATTERN.fullmatch(recipe.device):
        raise UsageError(f"{origin}: unknown device '{recipe.device}'", hint="auto, cpu, cuda or cuda:N")


def described(content: dict[str, Any]) -> dict[str, Any]:
    """The schema, each `Attributes:` of a docstring moved to the property that it describes."""
    for definition in content["$defs"].values():
        text = definition.get("description", "")
        definition["description"] = text.partition("\n")[0].replace("`", "")
        properties = definition.get("properties", {})
        for name, meaning in attributes(text):
            if name in properties:
                properties[name]["description"] = meaning
    return content


def attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Names and meanings under `Attributes:`, names that share one line each on their own."""
    for match in ATTRIBUTE.finditer(docstring.partition("Attributes:")[2]):
        for name in match["names"].split(", "):
            yield name, " ".join(match["text"].split())
