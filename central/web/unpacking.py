"""A request's body as it was before it was packed: gzip, a bounded piece at a time."""

import zlib
from collections.abc import AsyncIterator
from typing import Final

from transport.problems import ProblemError

_PIECE: Final = 1 << 20  # bytes: no more come out of one step, however well they were packed
_GZIP: Final = 16 + zlib.MAX_WBITS


async def unpacked(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield the body; raise zlib.error where it is torn, ProblemError on another encoding."""
    kind = encoding.strip().lower()
    if kind in {"", "identity"}:
        async for piece in pieces:
            yield piece
        return
    if kind not in {"gzip", "x-gzip"}:
        raise ProblemError(415, "encoding", headers={"accept-encoding": "gzip"}, encoding=kind[:40])
    unpacker = zlib.decompressobj(_GZIP)
    async for piece in pieces:
        data = piece
        while data or not unpacker.eof:
            if unpacker.eof:
                raise zlib.error("bytes follow the end of the packed body")
            out = unpacker.decompress(data, _PIECE)
            if out:
                yield out
            data = unpacker.unconsumed_tail or unpacker.unused_data
            if not data and len(out) < _PIECE:
                break
    if not unpacker.eof:
        raise zlib.error("the packed body breaks off")
