"""Frames that the parsers of recorders' bytes take: what their fuzzing begins with."""

import json
from typing import Final

from firmware_bridge.control import wire as control_wire
from firmware_bridge.errors import RefusedError
from firmware_bridge.volume import wire as reader_wire
from firmware_bridge.volume.listing import Entry, Extent, Medium, Name, Stamp, Volume
from firmware_bridge.wire import cbor, companion, smp, smp_lines, smp_os, zzx
from tests.journals import KEY, Script
from tests.recorders.open_fake import OpenFake

_ECHO: Final = smp_os.EchoQuestion("sealdock 7")
_TIME: Final = smp_os.DateTime(1_795_317_255_926_535)
_HOLDER: Final = companion.Holder(
    user_no="012345", user_name="王小明", unit_no="2101", unit_name="应急局"
)
_PIECE: Final = companion.JournalQuestion(first=7)
_ERASE: Final = companion.Erase(path="DCIM/100/A.MP4", sha256=bytes(range(32)), size=4096)
_EXPORT: Final = companion.StorageMode(export=True)
PARTS: Final[tuple[companion.Part, ...]] = (
    _ECHO,
    _TIME,
    _HOLDER,
    _PIECE,
    _ERASE,
    _EXPORT,
    companion.Battery(percent=52, charging=True, health=91, cycles=140),
    companion.Storage(total=32_000_000_000, free=16_000_000_000),
    companion.Faults((companion.Fault(code="io-error", detail="mmc0: 读错误", at_ms=5),)),
    companion.JournalAnswer(first=0, next=2, size=9, data=b"one\ntwo\n"),
    companion.Identity(number="ZF-0007", model="PZ2", vkey=str(KEY.verifier()), can=("battery",)),
    smp_os.EchoAnswer("sealdock 7"),
    smp_os.Parameters(),
    smp_os.AppInfoQuestion("sv"),
    smp_os.AppInfoAnswer("sealdock-agent 1"),
)
_REFUSALS: Final[tuple[cbor.Map, ...]] = (
    {"rc": 8},
    {"err": {"group": 65, "rc": 4}},
    {"err": {"group": 0, "rc": 4}},
)
MAPS: Final = tuple(map(cbor.encode, (*(part.build() for part in PARTS), *_REFUSALS)))
QUESTIONS: Final = tuple(
    smp.question(op, group, command, 9, part.build()).encode()
    for op, group, command, part in (
        (smp.Op.WRITE, 0, 0, _ECHO),
        (smp.Op.READ, 0, 4, smp_os.Nothing()),
        (smp.Op.WRITE, 0, 4, _TIME),
        (smp.Op.READ, 65, 4, _PIECE),
        (smp.Op.WRITE, 65, 3, _HOLDER),
        (smp.Op.WRITE, 65, 5, _ERASE),
        (smp.Op.WRITE, 65, 7, _EXPORT),
    )
)
LINES: Final = (*map(smp_lines.encode, QUESTIONS), smp_lines.encode(bytes(700)))

ZZX: Final = tuple(
    json.dumps({"header": {"id": int(command)}, "body": {"password": True, **body}}).encode()
    for command, body in (
        (zzx.Command.GET_ID_CODE, {"IDCode": "HACH8"}),
        (zzx.Command.GET_ZFY_INFO, {"serial": "8888888", "policeNo": "1", "policeName": "张"}),
        (zzx.Command.SYNC_DEV_TIME, {"Result": True}),
        (zzx.Command.READ_BATTERY, {"battery": 47}),
        (zzx.Command.GET_DEV_TIME, {"Time": 1_795_316_400}),
        (zzx.Command.GET_DISK_STORAGE, {"free": "12345", "total": 30000}),
    )
)

_ENTRY: Final = Entry(
    path=(Name("A.MP4".encode("utf-16-le"), "A.MP4", b"A       MP4"),),
    deleted=False,
    directory=False,
    size=9000,
    valid_size=9000,
    attributes=32,
    created=Stamp(23413, 26739, 10, None),
    modified=Stamp(23413, 26739),
    accessed=None,
    first_cluster=5,
    extents=(Extent(8192, 9000),),
    unallocated=None,
    problems=(),
    record_offset=1024,
    record=bytes(32),
)
_VOLUME: Final = Volume(
    index=0,
    offset=0,
    length=1 << 20,
    filesystem="fat32",
    serial=7,
    label="CARD",
    dirty=False,
    cluster_size=512,
    total_bytes=1 << 20,
    free_bytes=1 << 19,
    problems=(),
    sound=True,
)
_MEDIUM: Final = Medium(size=1 << 20, sector_size=512, table="mbr", refused=(), problems=())
_LISTING: Final[tuple[reader_wire.Frame, ...]] = (
    reader_wire.Opened(1 << 20, 512, block_device=False),
    reader_wire.MediumFound(_MEDIUM),
    reader_wire.Entries((_ENTRY, _ENTRY)),
    reader_wire.VolumeRead(_VOLUME),
    reader_wire.End(present=True),
)
READER: Final = tuple(map(reader_wire.encode, _LISTING))

_DRIVER: Final = OpenFake().driver()
_ANSWERS: Final[tuple[control_wire.Answering, ...]] = (
    control_wire.Opened(name="open", capabilities=_DRIVER.capabilities),
    _DRIVER.identity(),
    _DRIVER.holder(),
    _DRIVER.battery(),
    _DRIVER.read_clock(),
    _DRIVER.set_clock(),
    _DRIVER.storage(),
    _DRIVER.journal(800),
    control_wire.Faults(_DRIVER.faults()),
    control_wire.Failed(RefusedError(command="erase", status=3)),
    control_wire.Trying(bytes(control_wire.DIGEST_BYTES)),
    control_wire.Done(),
)
CONTROL_ANSWERS: Final = tuple(map(control_wire.encode, _ANSWERS))
_REQUESTS: Final[tuple[control_wire.Request, ...]] = (
    control_wire.Open(
        driver="open",
        channel=control_wire.Channel(kind="serial", node="/dev/ttyACM0"),
        zone="Asia/Shanghai",
        params={"port": 10086},
    ),
    control_wire.Question("identity"),
    control_wire.WriteHolder(_DRIVER.holder()),
    control_wire.AskJournal(7),
    control_wire.Erase(path="A.MP4", sha256="00" * 32, size=4),
    control_wire.MayTry(granted=True),
)
CONTROL_REQUESTS: Final = tuple(map(control_wire.encode, _REQUESTS))

SETTINGS_FILES: Final = (
    b"\xef\xbb\xbf[ZFY]\r\nDevNo=8888888\r\nPolNo=012345\r\nUserName=\xd5\xc5\r\n",
    b"DSJ-00;x;012345;y\r\n",
)
CLIP_NAMES: Final = (
    b"8888888_000000_20160129205547_0001IMP.mp4",
    b"DCAM_A1234_012345_20160129_205547_enc.mp4",
)
KERNEL_LOG: Final = (
    b"3,1052,1718281828,-;mmcblk0: error -110 sending status command\n SUBSYSTEM=mmc\n",
    b"6,12,5,-;FAT-fs (mmcblk0p1): Volume was not properly unmounted.\n",
)


def _journal() -> tuple[bytes, ...]:
    script = Script()
    script.start()
    script.clip("DCIM/A.MP4", "aa")
    script.add("alive")
    return tuple(script.lines)


JOURNAL: Final = _journal()
