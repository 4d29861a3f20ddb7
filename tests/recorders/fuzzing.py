"""Random and mutated frames from one seed; any of them can be made again without the others."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

# What stands where lengths, counts and types are read, and what opens without closing.
_WORDS: Final = (
    b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x01", b"\xff\xff",
    b"\x81", b"\xbf", b"\x9f", b"\xff", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01", b"[", b'{"a":', b'"', b"\\ud800", b"\\",
    b"-", b"1e999", b"9" * 40, b"NaN", b"null", b"true", b"\x06\x09", b"\x04\x14", b"\n", b"\r\n",
    b"=", b";", b"\xe9\x95\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\x84\x31\xa4\x37", b"..", b"/",
)  # fmt: skip
_LONGEST: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Parser:
    """Something that reads bytes from a recorder, and what it may raise: nothing else, ever.

    `seeds` are frames that it takes; of every round of frames it is given `share`.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    may_raise: tuple[type[Exception], ...] = ()
    share: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame for one parser: number `number` of the run that `seed` gives."""

    seed: int
    number: int
    parser: Parser
    frame: bytes = field(repr=False)

    def fire(self) -> Exception | None:
        """Let it be read; return what came out that must not, if anything did."""
        try:
            self.parser.read(self.frame)
        except self.parser.may_raise:
            return None
        except Exception as error:  # noqa: BLE001  what else comes out is what is looked for
            return error
        return None


class Run:
    """All the frames that a seed gives, each of which can be made again without the others."""

    def __init__(self, parsers: Sequence[Parser], seed: int) -> None:
        self._seed = seed
        self._turns = [parser for parser in parsers for _ in range(parser.share)]

    def shot(self, number: int) -> Shot:
        """Return one frame of the run."""
        chance = random.Random(self._seed << 40 | number)  # noqa: S311  repeatable, not secret
        parser = chance.choice(self._turns)
        frame = _frame(parser.seeds, chance)
        return Shot(seed=self._seed, number=number, parser=parser, frame=frame)

    def shots(self, first: int, frames: int) -> Iterator[Shot]:
        """Yield so many frames of the run."""
        return map(self.shot, range(first, first + frames))


def inflated(seed: bytes, size: int) -> Iterator[bytes]:
    """Yield frames of about `size` bytes that a valid one grows into: for what work costs."""
    yield (seed * (size // max(1, len(seed)) + 1))[:size]
    for at in {0, len(seed) // 2, max(0, len(seed) - 1)}:
        yield seed[:at] + seed[at : at + 1] * size + seed[at:]
    for word in _WORDS:
        yield seed[: len(seed) // 2] + word * (size // len(word)) + seed[len(seed) // 2 :]


def _frame(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(300))
    frame = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        chance.choice(_MUTATIONS)(frame, seeds, chance)
    return bytes(frame[:_LONGEST])


Mutation = Callable[[bytearray, Sequence[bytes], random.Random], None]


def _flip(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    if frame:
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)


def _replace(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    if frame:
        frame[chance.randrange(len(frame))] = chance.randrange(256)


def _word(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    word, at = chance.choice(_WORDS), chance.randrange(len(frame) + 1)
    frame[at : at + len(word) * chance.randrange(2)] = word


def _cut(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(frame) + 1)
    del frame[at : at + chance.choice((1, 2, 8, len(frame)))]


def _add(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(frame) + 1)
    frame[at:at] = chance.randbytes(chance.choice((1, 2, 4, 30)))


def _splice(frame: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    other = chance.choice(seeds)
    frame[chance.randrange(len(frame) + 1) :] = other[chance.randrange(len(other) + 1) :]


def _repeat(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(frame) + 1)
    piece = bytes(frame[at : at + chance.choice((1, 2, 5, 32))])
    frame[at:at] = piece * chance.choice((1, 3, 20, 200))


def _nest(frame: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(frame) + 1)
    frame[at:at] = chance.choice(_WORDS) * chance.choice((2, 50, 1000))


_MUTATIONS: Final[Sequence[Mutation]] = (
    _flip, _flip, _replace, _replace, _word, _word, _cut, _add, _splice, _repeat, _nest,
)  # fmt: skip
