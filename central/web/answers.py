"""What is said to those who submit: the answers of C2SP tlog-witness, and our own refusals."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from central.cosigning.outcomes import (
    Accepted,
    Conflict,
    Forbidden,
    Inconsistent,
    Malformed,
    Outcome,
    Sender,
    Unknown,
    Unsigned,
)
from central.errors import AmnesiaError, ContendedError, DatabaseError
from hashing.submission import SIZE_TYPE, TEXT_TYPE, encode_size
from transport.asgi import Scope
from transport.callers import AUDITOR, CENTRAL, DOCK, Caller, caller_of
from transport.problems import ProblemError

NOT_KEPT: Final = {"cache-control": "no-store"}
_RETRY_S: Final = 5

Handler = Callable[[Request], Awaitable[Response]]


def answer_to(outcome: Outcome) -> Response:
    """Return the answer to an add-checkpoint; raise ProblemError where it is a refusal."""
    match outcome:
        case Accepted(lines):
            return Response(lines, media_type=TEXT_TYPE, headers=NOT_KEPT)
        case Conflict(size):
            # The type is that of the protocol, to the letter: no charset joins it.
            headers = {**NOT_KEPT, "content-type": SIZE_TYPE}
            return Response(encode_size(size), status_code=409, headers=headers)
        case Malformed(reason):
            raise ProblemError(400, "malformed", detail=reason)
        case Unsigned(reason):
            raise ProblemError(403, "unsigned", detail=reason)
        case Forbidden(origin):
            raise ProblemError(403, "not-yours", origin=origin)
        case Unknown(origin):
            raise ProblemError(404, "unknown-origin", origin=origin)
        case Inconsistent(reason):
            raise ProblemError(422, "inconsistent", detail=reason)


def sender_of(request: Request, *, certificates: bool) -> Sender:
    """Return who submits; raise ProblemError if its certificate does not let it.

    A dock speaks for its own log alone, another centre for any. Where no certificates are
    asked for, the signature under what is submitted is all there is, as in the protocol.
    """
    caller = caller_of(request.scope)
    if not certificates:
        return Sender(_address(request))
    if caller.may(CENTRAL):
        return Sender(_named(caller))
    if not caller.may(DOCK) or caller.origin is None:
        raise ProblemError(403, "no-dock", name=caller.name)
    return Sender(_named(caller), caller.origin)


def demand_reader(scope: Scope, origin: str, *, certificates: bool) -> None:
    """Raise ProblemError unless the caller may read this log: a dock reads its own alone."""
    caller = caller_of(scope)
    if not certificates or caller.may(CENTRAL, AUDITOR):
        return
    if not caller.may(DOCK) or caller.origin != origin:
        raise ProblemError(403, "not-yours", origin=origin)


def guarded(handler: Handler) -> Handler:
    """Return `handler` with trouble of the database told as what passes, or what stays."""

    async def guard(request: Request) -> Response:
        try:
            return await handler(request)
        except (ContendedError, DatabaseError) as error:
            headers = {"retry-after": str(_RETRY_S)}
            raise ProblemError(503, "unavailable", headers=headers) from error
        except AmnesiaError as error:
            raise ProblemError(503, "amnesia", role=error.role) from error

    return guard


def _named(caller: Caller) -> str:
    return f"{caller.name} ({caller.fingerprint[:16]})"


def _address(request: Request) -> str:
    return request.client.host if request.client else "-"
