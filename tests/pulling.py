"""A dock with its real web face, and a centre that pulls it over mutual TLS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from central.centre import Centre
from central.fleet.assembly import fleet_of
from central.fleet.view import DockView
from central.pull.keeping import Keeping, mirrored_size
from central.register.docks import Dock
from tests.sealed import Sealed
from tests.submitting import START_MS, Ticking, open_centre
from tests.web_faces import Guard, ToldCore, faced


@dataclass(slots=True)
class Pulling:
    """A centre that pulls, on a clock that stands."""

    folder: Path
    guard: Guard
    centre: Centre
    keeping: Keeping
    clock: Ticking

    @asynccontextmanager
    async def dock(self, sealed: Sealed, *, enrolled: bool = True) -> AsyncIterator["Served"]:
        """Serve a log by the dock's own web application, and enrol it."""
        root = self.folder / f"dock-{len(self.centre.register.docks())}"
        sealed.write(root)
        core = ToldCore(sealed)
        async with faced(root, core, tls=self.guard.tls) as address:
            if enrolled:
                self.enrol(sealed, f"https://{address}")
            yield Served(self, sealed, root, core, address)

    def enrol(self, sealed: Sealed, url: str) -> Dock:
        """Enrol a log that is served at an address."""
        vkey = str(sealed.key.verifier())
        return self.centre.register.enrol(sealed.origin, [vkey], now_ms=START_MS, url=url)

    async def pull(self, origin: str) -> str:
        """Pull one dock until there is nothing more; return what went wrong, if anything."""
        dock = self.centre.register.dock(origin)
        while await self.keeping.puller.pull(dock):
            pass
        await self.keeping.reading.look()
        pulled = self.view(origin).pulled
        assert pulled is not None
        return pulled.problem

    def view(self, origin: str) -> DockView:
        """Return the dock as it is shown."""
        fleet = fleet_of(self.centre.loaded, self.centre.database, self.centre.clock)
        return next(view for view in fleet.views() if view.origin == origin)

    def held(self, origin: str) -> tuple[int | None, int]:
        """Return the sizes that are cosigned as witness and as mirror."""
        return self.view(origin).witnessed, mirrored_size(self.centre, origin)


@dataclass(slots=True)
class Served:
    """A dock that is being served."""

    pulling: Pulling
    sealed: Sealed
    root: Path
    core: ToldCore
    address: str

    def publish(self, *, old: int) -> None:
        """Write what the log has gained since it had `old` entries."""
        self.sealed.write(self.root, sizes=[old])

    def put(self, path: str, data: bytes) -> None:
        """Serve other bytes at a path of the log."""
        target = self.root / "log" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


@asynccontextmanager
async def pulling(folder: Path, **settings: str) -> AsyncIterator[Pulling]:
    """Open a centre that is known to docks as such."""
    guard = Guard.below(folder / "authority")
    who = guard.authority.client("central", name="centre")
    clock = Ticking()
    given = {"pull__ca": guard.authority.ca, "pull__cert": who.cert, "pull__key": who.key}
    centre = open_centre(folder, clock=clock, **{**given, **settings})
    keeping = Keeping(centre)
    try:
        yield Pulling(folder, guard, centre, keeping, clock)
    finally:
        keeping.close()
        centre.close()
