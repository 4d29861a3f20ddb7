"""Every stable code that a verification may give, with its plain words."""

from typing import Final

from hashing.manifest_codes import MANIFEST_CODES, MANIFEST_NOTICES
from hashing.proof_codes import PROOF_CODES
from hashing.report import CODES, NOTICES

PROBLEMS: Final = {**CODES, **PROOF_CODES, **MANIFEST_CODES}
WORDS: Final = {**PROBLEMS, **NOTICES, **MANIFEST_NOTICES}
