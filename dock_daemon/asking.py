"""Ask the dock a question: the daemon if one runs, else its ledger directly."""

from pathlib import Path

from config.loader import Loaded
from dock_daemon import control
from dock_daemon.errors import StateMissingError, StateUnusableError
from dock_daemon.evidence import questions
from dock_daemon.evidence.state import look


def ask(loaded: Loaded, request: control.Request) -> tuple[object, bool]:
    """Return the answer, and whether a running daemon gave it.

    Raises StateMissingError, StateBusyError (something else than a daemon holds the
    state), StateUnusableError, DaemonUnreachableError or DoubtError.
    """
    root = Path(loaded.settings.storage.state)
    if not root.is_dir():
        raise StateMissingError(root)
    try:
        answer = control.ask(root, request)
    except PermissionError as error:
        raise StateUnusableError(root, error.strerror or str(error)) from error
    if answer is not None:
        return answer, True
    return look(root, lambda ledger: questions.answer(ledger, request)), False
