"""What a request says: its caller, its parameters in their one spelling."""

import re
from typing import Final

from starlette.requests import Request

from transport.callers import NOBODY, Caller, caller_of
from transport.problems import ProblemError

MOST: Final = 2**53 - 1
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def demand(request: Request, *roles: str) -> Caller:
    """Return the caller if it has one of `roles`; raise ProblemError (403) unless."""
    caller = caller_of(request.scope)
    if caller == NOBODY:
        raise ProblemError(403, "certificate")
    if not caller.may(*roles):
        raise ProblemError(403, "role", wanted=" ".join(roles))
    return caller


def may(request: Request, *roles: str) -> bool:
    """Tell whether the caller has one of `roles`; whoever shows no certificate has none."""
    return caller_of(request.scope).may(*roles)


def parameters(request: Request, *names: str) -> dict[str, str]:
    """Return the query's parameters; raise ProblemError (400) for one unknown or given twice."""
    told: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in names or name in told:
            raise ProblemError(400, "query", parameter=name[:40])
        told[name] = text
    return told


def number(
    told: dict[str, str], name: str, *, least: int = 0, most: int = MOST, default: int | None = None
) -> int:
    """Return a whole number; raise ProblemError (400) if missing, misspelt or out of bounds."""
    text = told.get(name)
    if text is None and default is not None:
        return default
    if text is None or not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise ProblemError(400, "query", parameter=name)
    return int(text)


def place(request: Request, name: str) -> int:
    """Return a whole number that is part of the path; raise ProblemError (404) if it is none."""
    text = request.path_params[name]
    if not _NUMBER.fullmatch(text) or int(text) > MOST:
        raise ProblemError(404, "not-found")
    return int(text)


def is_digest(text: str) -> bool:
    """Tell whether `text` is a SHA-256 as the log writes it."""
    return _DIGEST.fullmatch(text) is not None
