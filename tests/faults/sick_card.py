"""A card that is sick: a card image behind /dev/fuse, which answers as a test says.

    with sick(image, BadPlaces(image, [(70_000, 512)])) as card:
        dock.take_over(card)

Every read of the dock or of its reader asks the kernel, and the kernel asks here.
"""

import errno
import os
import selectors
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.power.fuse import Served
from tests.require import need

# What the card says to a read of so many bytes from there. An OSError is an answer too.
Answer = Callable[[int, int], bytes]


class _Medium:
    """A card that is read only."""

    def __init__(self, size: int, answer: Answer) -> None:
        self.size = size
        self.read = answer
        self.written = 0

    def write(self, offset: int, data: bytes) -> None:
        """Note it, and refuse: nobody may write to a recorder."""
        self.written += 1
        raise OSError(errno.EROFS, f"{len(data)} bytes at {offset}")

    def zero(self, offset: int, size: int) -> None:
        """Note it, and refuse."""
        self.written += 1
        raise OSError(errno.EROFS, f"{size} zeros at {offset}")

    def flush(self) -> None:
        """There is nothing to flush."""


@contextmanager
def sick(image: Path, answer: Answer) -> Iterator[Path]:
    """Serve `image` as a card that answers so while the block runs; yield where it is.

    Fails if anybody wrote to it. Skips the test where nobody may mount.
    """
    place = image.with_suffix(".sick")
    place.touch()
    medium = _Medium(image.stat().st_size, answer)
    try:
        served = Served(medium, place)
    except OSError as error:
        need(False, f"permission to mount ({error.strerror})")  # noqa: FBT003  it is what is needed
        raise
    inward, outward = os.pipe()
    # More than one: while one place hangs, the kernel still wants to hear of an end of file.
    threads = [
        threading.Thread(target=_serve, args=(served, inward), name="sick card") for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    try:
        yield place
    finally:
        os.close(outward)
        for thread in threads:
            thread.join()
        served.close()
        os.close(inward)
    assert medium.written == 0


def _serve(served: Served, stop: int) -> None:
    with selectors.DefaultSelector() as waiting:
        waiting.register(served, selectors.EVENT_READ)
        waiting.register(stop, selectors.EVENT_READ)
        while not any(key.fileobj == stop for key, _ in waiting.select()):
            served.serve()


def healthy(image: Path) -> Answer:
    """Answer as the image is."""

    def answer(offset: int, size: int) -> bytes:
        with image.open("rb") as handle:
            return os.pread(handle.fileno(), size, offset)

    return answer


def bad_places(image: Path, places: Sequence[tuple[int, int]]) -> Answer:
    """Answer with an error wherever one of these places (offset, length) is asked for."""
    well = healthy(image)

    def answer(offset: int, size: int) -> bytes:
        if any(offset < at + length and at < offset + size for at, length in places):
            raise OSError(errno.EIO, "a bad place")
        return well(offset, size)

    return answer


def wrapping(image: Path, size: int) -> Answer:
    """Answer as a card of `size` bytes that says it is as large as the image."""
    well = healthy(image)

    def answer(offset: int, wanted: int) -> bytes:
        found = b""
        while len(found) < wanted:
            at = (offset + len(found)) % size
            found += well(at, min(wanted - len(found), size - at))
        return found

    return answer


def ending(image: Path, size: int) -> Answer:
    """Answer with an error from `size` on, where the card says that there is more."""
    return bad_places(image, [(size, image.stat().st_size - size)])


def exchanged(images: Sequence[Path], after: Callable[[int, int], bool]) -> Answer:
    """Answer as the first image until a read is one at which the second has taken its place."""
    answers = [healthy(image) for image in images]
    turned = False

    def answer(offset: int, size: int) -> bytes:
        nonlocal turned
        turned = turned or after(offset, size)
        return answers[turned](offset, size)

    return answer


def hanging(
    image: Path, place: tuple[int, int], go_on: threading.Event, reached: threading.Event
) -> Answer:
    """Answer nothing at all about a place (offset, length) until told to go on."""
    well = healthy(image)

    def answer(offset: int, size: int) -> bytes:
        if offset < place[0] + place[1] and place[0] < offset + size:
            reached.set()
            go_on.wait()
        return well(offset, size)

    return answer
