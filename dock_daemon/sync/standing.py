"""How bringing the log out stands: for STATE/sync/status.json, and for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from config.messages import say
from dock_daemon.sync.courier import Courier
from dock_daemon.sync.rounds import Rounds
from dock_daemon.sync.told import WANT_A_PERSON, Code

SCHEMA: Final = 1

# Every fact that one of the sentences takes; a visit states those that it knows.
_FACTS: Final = ("detail", "held", "host", "ours", "size")

_ADVICE: Final = frozenset(
    {*WANT_A_PERSON, Code.TLS, Code.BAD_ANSWER, Code.LOG_UNREADABLE, Code.STOPPED}
)


def standing(rounds: Rounds, utc_s: float) -> dict[str, object]:
    """Return how all of it stands, as one JSON object."""
    signing = rounds.signing
    return {
        "schema": SCHEMA,
        "at_s": int(utc_s),
        "trouble": rounds.trouble,
        "signing": None if signing is None else {"state": signing.state, "why": signing.why},
        "cosigners": [_row(courier) for courier in rounds.couriers],
    }


def _row(courier: Courier) -> dict[str, object]:
    record = courier.record
    return {
        "name": courier.party.name,
        "role": courier.party.role,
        "host": courier.party.host,
        "code": None if record.told is None else record.told.code.value,
        "facts": {} if record.told is None else dict(record.told.facts),
        "at_s": int(record.told_utc_s),
        "size": record.size,
        "cosigned_s": record.cosigned_s,
        "failures": record.pause.failures,
    }


def lines(
    cosigners: Sequence[Mapping[str, Any]], *, origin: str, vkey: str, lang: str
) -> Iterator[str]:
    """Yield a line for each cosigner of a status, and what to do about it if there is anything."""
    for row in cosigners:
        code = row["code"]
        if code is None:
            yield say("sync.not-visited", lang, name=row["name"])
            continue
        facts = {**dict.fromkeys(_FACTS, "-"), "host": row["host"], **row["facts"]}
        yield say(f"sync.told.{code}", lang, name=row["name"], **facts)
        if code in _ADVICE:
            advice = say(f"sync.remedy.{code}", lang, origin=origin, vkey=vkey, name=row["name"])
            yield f"  {advice}"
