"""A centre as a process of its own, for strace to kill: it answers on stdout, a line each.

python -m tests.faults.central_child FOLDER DATABASE_URL
"""

import json
import sys
from pathlib import Path
from typing import Final

from central.cosigning.outcomes import Accepted
from central.mirror.standing import Pending
from central.mirror.upload import Upload
from hashing.keys import SignerKey
from hashing.submission import PackageReader, UploadHead
from tests.mirroring import Uploader
from tests.sealed import long
from tests.submitting import SENDER, Submitter, open_centre

COMMON: Final = 3
WITNESSED: Final = "dock.example/witnessed"
_KEY: Final = SignerKey.generate(WITNESSED, b"w" * 32)


def witnessed(branch: str = "") -> Submitter:
    """Return a log of which both branches have the same first entries."""
    log = Submitter.of(9, branch=branch, common=COMMON)
    return Submitter(log.leaves, key=_KEY, origin=WITNESSED)


LOG: Final = witnessed()
OTHER: Final = witnessed("other ")
MIRRORED: Final = Uploader(long(300))


def main(folder: str, url: str) -> None:
    """Take a head as witness, and a log as mirror; say each answer once it is one."""
    centre = open_centre(Path(folder), url)
    witness, mirror = centre.witness, centre.mirror
    if witness is None or mirror is None:
        raise SystemExit(2)
    outcome = witness.add_checkpoint(LOG.body(COMMON, COMMON + 1), SENDER)
    if isinstance(outcome, Accepted):
        _say("witness", outcome.lines)
    mirror.add_checkpoint(MIRRORED.submission(7, 300), SENDER)
    head = UploadHead(MIRRORED.sealed.origin, 7, 300)
    aim = mirror.admit(head, SENDER)
    if isinstance(aim, Pending):
        upload = Upload(mirror, head, aim)
        for parcel in PackageReader(7, 300).feed(b"".join(MIRRORED.packages(7, 300))):
            upload.take(parcel)
        done = upload.finish()
        if isinstance(done, Accepted):
            _say("mirror", done.lines)
    centre.close()


def _say(role: str, lines: bytes) -> None:
    print(json.dumps({"role": role, "lines": lines.decode()}), flush=True)  # noqa: T201  its answer


if __name__ == "__main__":
    main(*sys.argv[1:])
