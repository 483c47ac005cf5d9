"""`convertkit completion`: what makes the shell complete verbs and flags."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

NAME = "convertkit"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the code that completes verbs and flags in SHELL.

    \b
    bash:  convertkit completion bash > ~/.local/share/bash-completion/completions/convertkit
    zsh:   convertkit completion zsh > ~/.zfunc/_convertkit    (with fpath+=~/.zfunc before compinit)
    fish:  convertkit completion fish > ~/.config/fish/completions/convertkit.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    variable = f"_{NAME.upper()}_COMPLETE"
    code = kind(context.find_root().command, {}, NAME, variable).source_template
    names = {"prog_name": NAME, "complete_func": f"_{NAME}_completion", "complete_var": variable}
    click.echo(code % names)
