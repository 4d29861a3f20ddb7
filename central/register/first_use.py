"""Trust on first use, when it is asked for: what key does a dock's own web face serve.

Whoever answers at the address can be anyone; a person compares the fingerprint.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

from central.errors import FirstUseError
from central.register.docks import check_url
from config.central_settings import Pull
from hashing import checkpoint, note
from hashing.errors import EvidenceError
from hashing.keys import VerifierKey
from transport import tls
from transport.client import Link

_MAX_VKEY: Final = 4096
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class FirstUse:
    """What an address served: a key, and a checkpoint that it signed."""

    origin: str
    vkey: str

    @property
    def fingerprint(self) -> str:
        """What `sha256sum log/vkey` says on the dock itself."""
        return hashlib.sha256(f"{self.vkey}\n".encode()).hexdigest()


def ask(url: str, settings: Pull) -> FirstUse:
    """Return what `url` serves; raise DockUrlError, FirstUseError, LinkError or TlsFileError.

    The checkpoint must be signed by the key, and be of the origin that the key is named after.
    """
    check_url(url)
    return asyncio.run(_ask(url, settings))


async def _ask(url: str, settings: Pull) -> FirstUse:
    context = None
    if settings.ca or settings.cert:
        context = tls.client_context(ca=settings.ca, cert=settings.cert, key=settings.key)
    async with Link(url, context, settings.timeout_s) as link:
        vkey = await link.get("/vkey", at_most=_MAX_VKEY)
        head = await link.get("/checkpoint", at_most=note.MAX_NOTE)
    for answer in (vkey, head):
        if answer.status != _OK:
            raise FirstUseError(url=url, reason=f"HTTP {answer.status}")
    try:
        key = VerifierKey.parse(vkey.body.decode("utf-8").rstrip("\n"))
        found = checkpoint.parse(note.open_note(head.body, [key]).text)
    except (EvidenceError, UnicodeDecodeError) as error:
        raise FirstUseError(url=url, reason=str(error)) from None
    if found.origin != key.name:
        reason = f"{found.origin} is signed by a key of {key.name}"
        raise FirstUseError(url=url, reason=reason)
    return FirstUse(key.name, str(key))
