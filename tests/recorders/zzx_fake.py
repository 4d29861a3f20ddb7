"""A ZZX recorder at the adb port: docs/formats/vendor-recorders.md, section 4.

Its server runs once the broadcast has been sent, and answers one JSON object a line.
"""

import json
from typing import Final

from firmware_bridge.errors import ChannelLostError, ChannelNotOpenedError
from tests.recorders.mischief import Mischief, Recorder, Trouble, Way

_BROADCAST: Final = "am broadcast -a com.zzx.sdk --ei port "


class ZzxFake:
    """Answers shell commands, and has one pipe at a time to its server."""

    def __init__(self, recorder: Recorder, trouble: Trouble | None = None) -> None:
        self.recorder = recorder
        self.way = Way(recorder.clock, trouble)
        self.port: int | None = None
        self.starts_after = 0  # refused connections until the server listens
        self.pipes: list[ZzxPipe] = []
        self.leaves_at_once = False
        self.sent: list[bytes] = []

    def shell(self, command: str, *, within_ms: int) -> bytes:
        """Run a command."""
        match self.way.next():
            case Mischief.LOSS | Mischief.SILENCE:
                raise self.way.silence(within_ms)
            case Mischief.DELAY:
                self.way.clock.pass_ms(within_ms - 1)
            case Mischief.GARBAGE | Mischief.HALF | Mischief.WRONG_STATUS:
                return self.way.garbage(40)
            case _:
                self.way.clock.pass_ms(1)
        if command.startswith(_BROADCAST):
            self.port = int(command.removeprefix(_BROADCAST))
            return b"Broadcast completed: result=0\n"
        if command.startswith("sleep "):
            self.way.clock.pass_ms(1000 * int(command.removeprefix("sleep ")))
        return b""

    def connect(self, port: int, *, within_ms: int) -> "ZzxPipe":
        """Return a pipe to the server."""
        if self.way.next() in {Mischief.LOSS, Mischief.SILENCE}:
            raise self.way.silence(within_ms)
        if port != self.port or self.starts_after > 0:
            self.starts_after -= 1
            raise ChannelNotOpenedError(place=f"tcp:{port}", reason="closed")
        self.pipes.append(ZzxPipe(self))
        return self.pipes[-1]

    def close(self) -> None:
        """Let go of it."""
        self.way.close()


class ZzxPipe:
    """A pipe to the server."""

    def __init__(self, fake: ZzxFake) -> None:
        self._fake = fake
        self._way = fake.way
        self._question = b""
        self._answer = b""
        self._mischief: Mischief | None = None
        self.clock = fake.way.clock
        self.is_closed = False

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Take a question; a line of it is answered at once."""
        self._mischief = self._way.next()
        self._fake.sent.append(data)
        if self.is_closed:
            raise ChannelLostError("closed")
        if self._mischief is Mischief.LOSS:
            return
        if self._mischief is Mischief.DELAY:
            self._way.clock.pass_ms(within_ms // 3)
        *lines, self._question = (self._question + data).split(b"\r\n")
        for line in lines:
            self._answer += self._spoil(self._fake_answer(json.loads(line)))

    def receive(self, *, within_ms: int) -> bytes:
        """Give what there is of an answer."""
        if self._way.is_gone or self.is_closed:
            raise ChannelLostError("no such device")
        if not self._answer:
            raise self._way.silence(within_ms)
        size = 1 if self._mischief is Mischief.BYTE_BY_BYTE else len(self._answer)
        piece, self._answer = self._answer[:size], self._answer[size:]
        self._way.clock.pass_ms(1)
        return piece

    def left_over(self, data: bytes) -> None:
        """Put bytes in the pipe that answer nothing."""
        self._answer += data

    def close(self) -> None:
        """Let go of it."""
        self.is_closed = True

    def _spoil(self, answer: bytes) -> bytes:
        match self._mischief:
            case Mischief.SILENCE:
                return b""
            case Mischief.GARBAGE:
                return self._way.garbage(len(answer)) + b"\r\n"
            case Mischief.HALF:
                return answer[: len(answer) // 2]
            case _:
                return answer

    def _fake_answer(self, question: dict[str, dict[str, str | int]]) -> bytes:
        number = int(question["header"]["id"])
        body = self._body(number, question["body"])
        if number == 6 and self._fake.leaves_at_once:
            self._way.is_gone = True
        header = {"version": "1.0", "id": number, "device": "ZZX2080"}
        text = json.dumps({"header": header, "body": body}, ensure_ascii=False)
        return text.encode("utf-8") + b"\r\n"

    def _body(self, number: int, asked: dict[str, str | int]) -> dict[str, str | int | bool]:
        recorder = self._fake.recorder
        if number in {1, 2}:
            return {"IDCode": recorder.maker}
        if not recorder.lets_in(str(asked["password"])):
            return {"password": False}
        fails = self._mischief is Mischief.WRONG_STATUS
        return {"password": True, **self._told(number, asked, fails=fails)}

    def _told(  # noqa: PLR0911  one a command
        self, number: int, asked: dict[str, str | int], *, fails: bool
    ) -> dict[str, str | int | bool]:
        recorder = self._fake.recorder
        match number:
            case 3:
                return {
                    "policeNo": recorder.user_no,
                    "serial": recorder.serial,
                    "policeName": recorder.user_name,
                    "groupNo": recorder.unit_no,
                    "groupName": recorder.unit_name,
                }
            case 4 if recorder.is_forgetful:
                return {}
            case 4 if not fails:
                recorder.user_no, recorder.serial = str(asked["policeNo"]), str(asked["serial"])
                recorder.user_name = str(asked["policeName"])
                recorder.unit_no = str(asked["groupNo"])
                recorder.unit_name = str(asked["groupName"])
                return {}
            case 5 if not fails:
                recorder.set_utc_us(int(asked["Time"]) * 1000)
                return {"Result": True}
            case 6 if not fails and not recorder.is_recording:
                recorder.shows_storage = True
                return {"Result": True}
            case 8:
                return {"battery": recorder.battery}
            case 16:
                return {"Time": recorder.utc_us // 1_000_000, "Result": True}
            case 18:
                return {"free": recorder.free_mib, "total": recorder.total_mib, "Result": True}
            case _:
                return {"Result": False}
