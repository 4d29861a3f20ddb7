"""What can be wrong with a dock's configuration. Errors carry facts; messages give the advice."""

from typing import Final

Fact = str | int


class ConfigError(Exception):
    """A configuration file, environment variable or flag says something the dock can't use.

    `source` names the file, variable or flag, `where` the place in it (`$.bays[1].ports`,
    `line 7`; empty when the whole of it is meant). `problem` is a stable word: the sentence
    for people, with its remedy, stands in the messages under `config-problem.<problem>` and
    takes `facts`.
    """

    def __init__(self, problem: str, *, source: str, where: str = "", **facts: Fact) -> None:
        named = ", ".join(f"{name}={value!r}" for name, value in sorted(facts.items()))
        super().__init__(f"{source}: {where or '$'}: {problem}" + (f" ({named})" if named else ""))
        self.problem: Final = problem
        self.source: Final = source
        self.where: Final = where
        self.facts: Final = facts
