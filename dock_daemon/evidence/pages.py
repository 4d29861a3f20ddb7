"""Memory for large reads and writes past the page cache: aligned, and in large pages.

The kernel hands a device every page of a buffer by itself, so a buffer of large pages costs a
fraction of one of small pages: measured, three times the rate of reading (docs/adr/0024).
"""

import ctypes
import mmap
from typing import Final

LARGE_PAGE: Final = 2 << 20


def pages(size: int) -> memoryview:
    """Return `size` bytes of memory that begin where a large page may; raise MemoryError.

    It takes room only where it is written to, and is given back with its last view.
    """
    # What is mapped begins at some page of the ordinary kind: a large one begins further on.
    try:
        room = mmap.mmap(-1, size + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"{size} bytes") from error
    advise_large(room)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(room)) % LARGE_PAGE
    return memoryview(room)[start : start + size]


def advise_large(room: mmap.mmap) -> None:
    """Ask for large pages; a kernel without them gives ordinary ones."""
    try:
        room.madvise(mmap.MADV_HUGEPAGE)
    except OSError:
        return
