"""When the certificates that were issued here end, dock by dock."""

from collections.abc import Mapping
from pathlib import Path

from central.ca.errors import CaError
from central.ca.folder import Folder


def ends_of(path: Path) -> Mapping[str, int]:
    """Return when the last certificate of each origin ends (ms since 1970), by origin.

    Nothing is known where no authority lies, or one that this process may not read: it may
    well be kept on another machine.
    """
    try:
        past = Folder(path).past()
    except (CaError, OSError):
        return {}
    ends: dict[str, int] = {}
    for one in past.issued:
        if one.revoked is None:
            end_ms = int(one.certificate.not_valid_after_utc.timestamp() * 1000)
            for origin in one.subject.origins:
                ends[origin] = max(end_ms, ends.get(origin, 0))
    return ends
