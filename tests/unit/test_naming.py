"""What the name of a clip says, by its make's own pattern or by what makers agree on."""

from pathlib import Path

from config.profiles import recorder_profile
from dock_daemon.recorders import naming

NOWHERE = Path("/nowhere")
E12, DCAM, PLAIN = (recorder_profile(name, NOWHERE).content for name in ("e12", "dcam", "fs-only"))


def test_a_make_tells_whose_number_is_which() -> None:
    """Where the make's pattern knows, it says so; makers in common only know numbers."""
    path = "DCIM/DCAM_A12_B7_20160129_205547_IMP.mp4"
    told = naming.told(DCAM, path)
    assert (told.recorder, told.holder, told.important) == ("A12", "B7", True)
    common = naming.told(PLAIN, "DCIM/8888888_000000_20160129205547_0001IMP.mp4")
    assert (common.recorder, common.numbers) == ("", ("8888888", "000000"))
    assert common.important


def test_a_name_that_only_makers_in_common_know() -> None:
    """A make's own patterns come first, and do not shut out the common one."""
    told = naming.told(E12, "DCIM/100ANDRO/20160129_205547123_encryption.mp4")
    assert told.encrypted
    assert told.at is not None


def test_a_folder_can_mark_what_its_name_does_not() -> None:
    """Important by its place, though the name says nothing at all."""
    told = naming.told(E12, "DCIM/101ANDRO/holiday.mp4")
    assert (told.important, told.numbers, told.at) == (True, (), None)
    assert told.known
    assert not naming.told(E12, "DCIM/100ANDRO/holiday.mp4").known
