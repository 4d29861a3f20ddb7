"""When the centre's own certificates and lists of revoked ones end: then nobody gets in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from config.central_settings import CentralSettings


@dataclass(frozen=True, slots=True)
class Ending:
    """A file of ours that ends, or cannot be read: `ends_ms` is None then."""

    field: str
    """Which setting names it, such as `web.cert`."""
    path: str
    ends_ms: int | None


def endings(settings: CentralSettings, *, days: int, now_ms: int) -> Iterator[Ending]:
    """Yield what of ours ends within so many days, has ended, or cannot be read."""
    web, pull = settings.web, settings.pull
    files = (
        ("web.cert", web.cert),
        ("web.client_ca", web.client_ca),
        ("web.crl", web.crl),
        ("pull.ca", pull.ca),
        ("pull.cert", pull.cert),
    )
    for field, path in files:
        if path:
            ends_ms = _ends_ms(Path(path), is_list=field == "web.crl")
            if ends_ms is None or ends_ms - now_ms <= days * 86_400_000:
                yield Ending(field, path, ends_ms)


def _ends_ms(path: Path, *, is_list: bool) -> int | None:
    try:
        data = path.read_bytes()
        if not is_list:
            ends = x509.load_pem_x509_certificate(data).not_valid_after_utc
            return int(ends.timestamp() * 1000)
        next_one = x509.load_pem_x509_crl(data).next_update_utc
    except (OSError, ValueError):
        return None
    return None if next_one is None else int(next_one.timestamp() * 1000)
