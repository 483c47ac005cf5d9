"""The pages on what ships: `make kits` runs their commands, and here every one of them is understood."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from benchmarks.kits_docs import PAGES, commands
from convertkit.cli import cli
from tests.conftest import ROOT


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_understood(page: str) -> None:
    found = [shlex.split(command) for command in commands(page)]
    assert found
    for program, *words in found:
        if program != "convertkit":
            continue
        command = cli.get_command(click.Context(cli), words[0])
        assert command is not None, words
        command.make_context(words[0], words[1:]).close()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_named_is_there(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\((\w[\w.-]*\.md)\)|`((?:tests|benchmarks)/[\w/.-]*)`", text):
        path = ROOT / "docs" / name[0] if name[0] else ROOT / name[1]
        assert path.exists(), path
