"""Every parser of what recorders say, with sound input to spoil, and the one error it may raise.

Random and spoilt bytes are thrown at each of them: some thousands in every run of the tests,
many more on demand.
"""

from collections.abc import Callable
from typing import Final

from tests.recorders.vendor_parsers import VENDOR_PARSERS

PARSERS: Final[dict[str, tuple[Callable[[bytes], object], tuple[bytes, ...], type[Exception]]]] = {
    **VENDOR_PARSERS,
}
