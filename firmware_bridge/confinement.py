"""What a worker gives up before it meets its first hostile byte.

Under systemd its unit has taken all of this away already; this holds where no systemd is.
"""

import ctypes
import resource
from collections.abc import Mapping
from typing import Final

# <linux/prctl.h>
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


def bound(limits: Mapping[int, int]) -> None:
    """Lower each of `limits` (resource.RLIMIT_*) for good, where it was not lower before."""
    for kind, most in limits.items():
        _soft, hard = resource.getrlimit(kind)
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lowest, lowest))


def gain_nothing() -> None:
    """Take no privilege from any program, and let no process of one's own user look in.

    Raises OSError where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
