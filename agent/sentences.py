"""One table: what each error means to those who run the companion.

The sentence and the remedy stand in the messages, under `agent-fault.<code>.what` and
`.remedy`, in each language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent import errors as agent
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import say
from hashing.errors import EvidenceError


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error means: a stable code, and how a command ends by it."""

    code: str
    exit_code: ExitCode


TABLE: Final[Mapping[type[Exception], Fault]] = {
    ConfigError: Fault("config", ExitCode.FAILED),
    EvidenceError: Fault("journal", ExitCode.VERIFICATION_FAILED),
    agent.AgentError: Fault("agent", ExitCode.FAILED),
    agent.StateUnusableError: Fault("state", ExitCode.FAILED),
    agent.RecorderKeyError: Fault("key", ExitCode.FAILED),
    agent.KeyMissingError: Fault("key-missing", ExitCode.NOT_FOUND),
    agent.NumberUnknownError: Fault("number", ExitCode.FAILED),
    agent.LineNotOpenedError: Fault("line", ExitCode.FAILED),
    agent.GadgetError: Fault("gadget", ExitCode.FAILED),
    agent.ClockNotSetError: Fault("clock", ExitCode.FAILED),
    agent.VolumeBusyError: Fault("volume-busy", ExitCode.BUSY),
}

EXPECTED: Final = (ConfigError, EvidenceError, agent.AgentError)
"""What a command may end with; anything else is a bug, and shown as one."""


def fault_of(error: Exception) -> Fault:
    """Return the row of an error: its own, else its nearest base's; LookupError if none."""
    for kind in type(error).__mro__:
        if issubclass(kind, Exception) and kind in TABLE:
            return TABLE[kind]
    raise LookupError(type(error).__name__)


def sentence(error: Exception, lang: str) -> str:
    """Return what happened, as a sentence of facts."""
    return say(f"agent-fault.{fault_of(error).code}.what", lang, **_facts(error, lang))


def remedy(error: Exception, lang: str) -> str:
    """Return what to do about it."""
    return say(f"agent-fault.{fault_of(error).code}.remedy", lang, **_facts(error, lang))


def _facts(error: Exception, lang: str) -> dict[str, object]:
    if isinstance(error, ConfigError):
        problem = say(f"config-problem.{error.problem}.what", lang, **error.facts)
        place = f"{error.source}: {error.where}" if error.where else error.source
        return {"place": place, "problem": problem}
    return {"detail": str(error), **vars(error)}
