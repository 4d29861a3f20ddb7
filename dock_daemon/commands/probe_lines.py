"""What a probe found, as people read it."""

from datetime import UTC, datetime
from typing import Any, Final

from config import text
from config.messages import say, term
from dock_daemon import wording

Row = dict[str, Any]

_SHOWN_NEAREST: Final = 3


def device_lines(row: Row, lang: str) -> list[str]:
    """Return a device in lines: where it is, what it says of itself, what it may be."""
    place = row["port"] or "-"
    head = say("probe.at-bay", lang, port=place, bay=row["bay"])
    lines = [head if row["bay"] else say("probe.at-port", lang, port=place)]
    said = " · ".join(one for one in (row["manufacturer"], row["product"]) if one)
    lines.append(
        say(
            "probe.usb",
            lang,
            usb=row["usb"] or "-",
            said=said or "-",
            serial=row["serial"] or "-",
            interfaces=" ".join(row["interfaces"]) or "-",
        )
    )
    if row["scsi"]:
        lines.append(say("probe.scsi", lang, scsi=row["scsi"]))
    for node in row["nodes"]:
        size = text.size(node["size_bytes"]) if "size_bytes" in node else ""
        kind = say(f"device-kind.{node['kind']}", lang)
        key = "probe.disk" if size else "probe.node"
        lines.append(say(key, lang, kind=kind, node=node["node"], size=size))
    lines += _nearest(row["nearest"], lang)
    lines += _asked(row["asked"], lang)
    return lines


def _nearest(nearest: list[Row], lang: str) -> list[str]:
    lines: list[str] = []
    for near in nearest[:_SHOWN_NEAREST]:
        key = "probe.fits" if near["fits"] else "probe.near"
        lines.append(say(key, lang, profile=near["profile"]))
        for reason in near["reasons"]:
            word = "probe.mark-fits" if reason["fits"] else "probe.mark-differs"
            lines.append(
                say(
                    word,
                    lang,
                    mark=say(f"mark.{reason['mark']}", lang),
                    wanted=text.listed(map(str, reason["wanted"]), lang),
                    found=reason["found"] or "-",
                )
            )
    if not nearest:
        lines.append(say("probe.far", lang))
    return lines


def _asked(asked: Row | None, lang: str) -> list[str]:
    if asked is None:
        return [say("probe.not-asked", lang)]
    head = {"profile": asked["profile"], "node": asked["node"]}
    if "error" in asked:
        if asked["error"] == "bay-at-work":
            return [say("probe.at-work", lang, **head)]
        return [say("probe.no-answer", lang, **head, said=asked["said"])]
    told = asked["identity"]
    lines = [
        say("probe.answers", lang, **head),
        say(
            "probe.identity",
            lang,
            number=told["number"] or "-",
            model=" ".join(one for one in (told["maker"], told["model"]) if one) or "-",
            firmware=told["firmware"] or "-",
        ),
    ]
    can = [say(f"capability.{one}", lang) for one in asked["capabilities"]]
    lines.append(say("probe.can", lang, can=text.listed(can, lang)))
    lines += _values(asked, lang)
    for capability, code in asked["troubles"].items():
        name = say(f"capability.{capability}", lang)
        lines.append(say("probe.trouble", lang, what=name, why=term("check-error", code, lang)))
    return lines


def _values(asked: Row, lang: str) -> list[str]:
    lines: list[str] = []
    if holder := asked.get("holder"):
        name = f"{holder['user_name']} {holder['user_no']}".strip() or "-"
        lines.append(say("probe.holder", lang, holder=name, unit=holder["unit_name"] or "-"))
    if battery := asked.get("battery"):
        lines.append(say("probe.battery", lang, percent=battery["percent"]))
    if storage := asked.get("storage"):
        free, total = text.size(storage["free_bytes"]), text.size(storage["total_bytes"])
        lines.append(say("probe.storage", lang, free=free, total=total))
    if (faults := asked.get("faults")) is not None:
        codes = text.listed((wording.problem_words(one["code"], lang) for one in faults), lang)
        lines.append(say("probe.faults", lang, codes=codes or "-"))
    if clock := asked.get("read-clock"):
        at = datetime.fromtimestamp(clock["recorder_us"] / 1e6, UTC)
        ahead_ms = (clock["recorder_us"] - clock["sent_us"] - clock["round_trip_us"] // 2) // 1000
        lines.append(say("probe.clock", lang, at=f"{at:%Y-%m-%d %H:%M:%S}", ahead=ahead_ms / 1000))
    return lines
