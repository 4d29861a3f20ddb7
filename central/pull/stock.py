"""What a dock says that its store holds, and a look at some of it.

A dock's list is its own word: who rewrites the log can also lie about the store. What was
fetched whole and hashed to its name is known. Each such look is an `access` entry of the log.
"""

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import Mapping
from typing import Final

from central.fleet.reports import Sampled
from central.fleet.stocktaking import Must, There
from central.pull.errors import PullError, of_link
from hashing.hexes import is_digest
from transport.client import Link
from transport.errors import LinkError

_A_PAGE: Final = 1 << 20  # bytes; 1000 items are some 100 kB
_SLACK: Final = 100_000  # what a store may hold beyond what the mirrored log names
_OK: Final = 200
_MAX_SIZE: Final = 2**63
_GRACE_S: Final = 60.0
_SLOWEST: Final = 64 << 10  # bytes a second that a clip is waited for at
_UNSAID: Final = 1 << 30  # bytes, of a clip whose entry does not say


async def told(link: Link, must: Mapping[str, Must], *, within_s: float) -> list[There]:
    """Return what the dock says that it holds; raise PullError, also where that takes longer."""
    try:
        async with asyncio.timeout(within_s):
            return await _all(link, must)
    except TimeoutError:
        raise PullError("timeout", f"the inventory, {within_s:.0f} s") from None


async def _all(link: Link, must: Mapping[str, Must]) -> list[There]:
    found: list[There] = []
    after = ""
    while True:
        items, after_next = await _page(link, after)
        for item in items:
            one = _item(item)
            if found and one.sha256 <= found[-1].sha256:
                raise PullError("bad-answer", "the inventory is not in order")
            found.append(one)
        if len(found) > len(must) + _SLACK:
            raise PullError("too-much", f"{len(found)} items")
        if after_next is None:
            return found
        if not items or after_next < found[-1].sha256:
            raise PullError("bad-answer", "the inventory does not go on")
        after = after_next


async def samples(
    link: Link, must: Mapping[str, Must], there: list[There], *, count: int, ends_s: float
) -> list[Sampled]:
    """Fetch some clips whole, picked where the dock cannot know, and hash them.

    After `ends_s`, by the event loop's clock, none is waited for: neither good nor bad.
    """
    known = [one.sha256 for one in there if one.sha256 in must]
    picked = random.SystemRandom().sample(known, min(count, len(known)))
    return [await _in_time(link, must[sha256], ends_s) for sha256 in picked]


async def _in_time(link: Link, must: Must, ends_s: float) -> Sampled:
    """Sample a clip in the time that its size needs, and before `ends_s`."""
    now_s = asyncio.get_running_loop().time()
    size = _UNSAID if must.size is None else must.size
    if now_s < ends_s:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(ends_s, now_s + _GRACE_S + size / _SLOWEST)):
                return await _sample(link, must)
    return Sampled(sha256=must.sha256, good=None, why="timeout")


async def _sample(link: Link, must: Must) -> Sampled:
    digest, size = hashlib.sha256(), 0
    limit = _MAX_SIZE if must.size is None else must.size
    try:
        async with link.streaming(f"/v1/clips/sha256/{must.sha256}") as (head, pieces):
            if head.status != _OK:
                # 410: the dock knows that it is gone, or damaged.
                gone = head.status == 410  # noqa: PLR2004  HTTP's own number
                return Sampled(
                    sha256=must.sha256, good=False if gone else None, why=str(head.status)
                )
            async for piece in pieces():
                digest.update(piece)
                size += len(piece)
                if size > limit:
                    break
    except LinkError as error:
        return Sampled(sha256=must.sha256, good=None, why=of_link(error).problem)
    good = digest.hexdigest() == must.sha256 and must.size in {None, size}
    return Sampled(sha256=must.sha256, good=good, why="" if good else "hash")


async def _page(link: Link, after: str) -> tuple[list[object], str | None]:
    path = f"/v1/inventory?after={after}" if after else "/v1/inventory"
    try:
        answer = await link.get(path, at_most=_A_PAGE)
    except LinkError as error:
        raise of_link(error) from error
    if answer.status != _OK:
        raise PullError("bad-answer", f"/v1/inventory: {answer.status}")
    try:
        told = json.loads(answer.body)
        items, more = told["items"], told["next"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PullError("bad-answer", "/v1/inventory") from error
    if not isinstance(items, list) or not (more is None or is_digest(more)):
        raise PullError("bad-answer", "/v1/inventory")
    return items, more


def _item(item: object) -> There:
    if isinstance(item, dict):
        sha256, size = item.get("sha256"), item.get("size")
        if is_digest(sha256) and type(size) is int and 0 <= size < _MAX_SIZE:
            return There(str(sha256), size)
    raise PullError("bad-answer", "/v1/inventory: an item")
