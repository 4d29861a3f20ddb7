"""`sealdock completion`: what a shell needs to complete our commands and options."""

import click
from click.shell_completion import get_completion_class


@click.command(epilog='Example:  eval "$(sealdock completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what teaches SHELL to complete these commands; save it where the shell looks."""
    known = get_completion_class(shell)
    if known is None:
        raise click.BadParameter(shell)
    root = ctx.find_root()
    click.echo(known(root.command, {}, "sealdock", "_SEALDOCK_COMPLETE").source())
