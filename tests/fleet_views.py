"""A made-up fleet, as its pages are shown: nobody's names, nobody's docks."""

import dataclasses
import hashlib

from central.fleet.lateness import Facts, Limits, judge
from central.fleet.reading import Broken, Closed, Said
from central.fleet.view import Counted, DockView, ForkView, ManifestView, Pulled

LIMITS = Limits(silent_beats=3, silent_s=2700, unmirrored_s=600, late_days=7, certificate_days=30)
NOW_MS = 1_795_307_465_000  # 2026-11-22 08:31:05 in Shanghai
MINUTE, DAY = 60_000, 86_400_000

SAID = Said(
    entries=18_204, last_ms=NOW_MS - 4 * MINUTE, heartbeat_ms=NOW_MS - 4 * MINUTE, interval_s=900,
    dockings=1_120, clips=12_481, clip_bytes=3_214_000_000_000, unread=2,
    findings={"deleted": 3, "unread": 2},
)  # fmt: skip


def view(number: int, **differs: object) -> DockView:
    """Return a dock that is well but for what differs, judged as the centre judges it."""
    origin = f"dock.example/{number:04d}"
    base = DockView(
        origin=origin,
        hash=hashlib.sha256(origin.encode()).hexdigest(),
        name=f"示例区执法队 {number} 号站",
        url="",
        enrolled_ms=NOW_MS - 200 * DAY,
        vkeys=(f"{origin}+c5686328+AaRV/SbFedNqJBS/uNMnkP2zHuY1CFxkvtIEmTqJUla0",),
        said=dataclasses.replace(SAID, entries=SAID.entries + 97 * number),
        heard_ms=NOW_MS - 4 * MINUTE,
        witnessed=SAID.entries + 97 * number,
        cosigned_s=(NOW_MS - 4 * MINUTE) // 1000,
        mirrored=SAID.entries + 97 * number,
        forks=0,
        pulled=None,
        counted=(
            Counted(taken_ms=NOW_MS - 6 * 60 * MINUTE, source="store", holds=True, missing=0),
        ),
        late=(),
    )
    made = dataclasses.replace(base, **differs)  # type: ignore[arg-type]  # fields by name
    facts = Facts(
        enrolled_ms=made.enrolled_ms,
        heard_ms=made.heard_ms,
        witnessed=made.witnessed,
        witnessed_ms=made.heard_ms,
        mirrored=made.mirrored,
        interval_s=made.said.interval_s,
        late_ms=made.said.late_ms,
        forks=made.forks,
        broken=made.said.broken,
        gone=sum(one.missing for one in made.counted),
    )
    return dataclasses.replace(made, late=tuple(judge(facts, LIMITS, NOW_MS)))


def fleet() -> list[DockView]:
    """Return docks of every sort, the well ones first."""
    late = dataclasses.replace(SAID, late=2, late_ms=NOW_MS - DAY)
    broken = dataclasses.replace(SAID, broken=Broken(seq=17_903, why="chain-broken"))
    return [
        view(1),
        view(2),
        view(3, said=late),
        view(4, forks=1),
        view(5, heard_ms=NOW_MS - 3 * DAY, cosigned_s=(NOW_MS - 3 * DAY) // 1000),
        view(6, heard_ms=NOW_MS - 12 * MINUTE, mirrored=SAID.entries + 60),
        view(
            7, said=Said(), heard_ms=None, witnessed=None, mirrored=None, cosigned_s=None,
            counted=(), enrolled_ms=NOW_MS - 2 * DAY,
        ),
        view(
            8, url="https://10.0.8.8:8470",
            counted=(Counted(taken_ms=NOW_MS - DAY, source="store", holds=False, missing=3),),
            pulled=Pulled(good_ms=NOW_MS - MINUTE, failing_ms=None, problem="", detail=""),
        ),
        view(9, said=broken),
        view(10),
    ]  # fmt: skip


FORKS = [
    ForkView(
        number=1, kind="roots", role="witness", size=18_204, seen_ms=NOW_MS - DAY,
        by="dock-4", explained_ms=None,
    )
]  # fmt: skip

MANIFESTS = [
    ManifestView(
        docking=Closed(
            docking=1_120 - back, seq=18_203 - 17 * back, opened_ms=NOW_MS - (back + 1) * DAY,
            at_ms=NOW_MS - (back + 1) * DAY + 14 * MINUTE,
            result=("complete", "partial", "interrupted")[back], clips=37 - back,
            findings=back, unread=int(back == 1), late=0, remaining=0,
        ),
        sha256="ab" * 32 if back < 2 else "",
        problem="",
        fetched_ms=NOW_MS - back * DAY if back < 2 else None,
    )
    for back in range(3)
]  # fmt: skip
