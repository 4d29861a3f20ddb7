"""Ask the dock a question: the daemon if one runs, else its ledger directly.

Clips and findings are asked for page by page, so that a full ledger never has to fit
into one answer.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from config.loader import Loaded
from dock_daemon import control
from dock_daemon.errors import DaemonUnreachableError, StateMissingError, StateUnusableError
from dock_daemon.evidence import questions, standing
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.roster import Roster
from dock_daemon.evidence.state import look


def ask(loaded: Loaded, request: control.Request) -> tuple[object, bool]:
    """Return the answer, and whether a running daemon gave it.

    Raises StateMissingError, StateBusyError (something else than a daemon holds the
    state), StateUnusableError, StateFullError, CosignerKeyError, DaemonUnreachableError or
    DoubtError.
    """
    root = Path(loaded.settings.storage.state)
    try:
        if not root.is_dir():
            raise StateMissingError(root)
        answer = _whole(partial(control.ask, root), request)
        # The socket's client says None for nobody there, and for null: there is no such thing.
        running = answer is not None or control.ask(root, {"ask": "signing"}) is not None
    except PermissionError as error:
        raise StateUnusableError(root, error.strerror or str(error)) from error
    except _GoneError as error:
        raise DaemonUnreachableError(root / control.NAME, "it has stopped answering") from error
    if running:
        return answer, True
    roster = Roster.of(loaded.settings.cosigners)

    def at_rest(ledger: Ledger) -> object:
        if request["ask"] == "signing":
            return standing.at_rest(ledger, root, roster)
        told = _whole(partial(questions.answer, ledger), request)
        if request["ask"] == "status":
            known = cast("dict[str, object]", told)
            return {**known, "signing": standing.at_rest(ledger, root, roster)}
        return told

    return look(root, at_rest), False


class _GoneError(Exception):
    """Who gave the first page gives no second."""


def _whole(once: Callable[[control.Request], object], request: control.Request) -> object:
    """Return all that `request` asks for, `limit` rows at most; None where nobody answers."""
    if request["ask"] not in questions.PAGED:
        return once(request)
    limit = cast("int", request.get("limit", 0))
    rows: list[dict[str, Any]] = []
    before: int | None = None
    while True:
        wanted = min(questions.PAGE, limit - len(rows)) if limit else questions.PAGE
        answer = once({**request, "limit": wanted, "before": before})
        if answer is None:
            if before is None:
                return None
            raise _GoneError
        page = cast("list[dict[str, Any]]", answer)
        rows += page
        if len(page) < wanted or len(rows) == limit:
            return rows
        before = page[-1]["seq"]
