"""What an upload deserves, beside what every submission may: C2SP tlog-mirror, add-entries."""

from dataclasses import dataclass

from central.cosigning.outcomes import Accepted, Forbidden, Inconsistent, Malformed, Unknown
from hashing.submission import MirrorInfo


@dataclass(frozen=True, slots=True)
class More:
    """Some entries were kept, and others are still to come."""

    info: MirrorInfo


@dataclass(frozen=True, slots=True)
class Stale:
    """Entries are to be sent otherwise: `info` says from where and up to where."""

    info: MirrorInfo


UploadRefusal = Stale | Malformed | Forbidden | Unknown | Inconsistent
UploadOutcome = Accepted | More | UploadRefusal
