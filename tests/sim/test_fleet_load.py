"""Fifty docks at once, some of them hostile: nobody starves, and nothing is cosigned wrongly."""

from pathlib import Path

from central.web.app import app
from tests import fleet_load
from tests.submitting import START_MS, open_centre
from tests.wire import serving


async def test_fifty_docks_at_once(memory_path: Path, database_url: str) -> None:
    """Each honest dock gets every round cosigned, by witness and mirror; hostile ones get none."""
    docks = fleet_load.make(50, 4, entries=5, hostile=4)
    assert {dock.kind for dock in docks} == set(fleet_load.KINDS)
    centre = open_centre(memory_path, database_url)
    try:
        for dock in docks:
            vkey = str(dock.key.verifier())
            centre.register.enrol(dock.origin, [vkey], now_ms=START_MS)
        async with serving(app(centre)) as address:
            done = await fleet_load.run(docks, address, at_once=50)
        assert centre.witness is not None
        assert centre.mirror is not None
        keys = {"witness": centre.witness.cosigner.keys, "mirror": centre.mirror.cosigner.keys}
        verdict = fleet_load.judge(docks, done, keys)
        forked = {fork.origin for fork in centre.evidence.all() if fork.stands}
    finally:
        centre.close()
    assert verdict.wrong == []
    assert verdict.unserved == []
    assert forked >= {dock.origin for dock in docks if dock.kind == "fork"}
    assert not forked & {dock.origin for dock in docks if dock.kind == "honest"}
