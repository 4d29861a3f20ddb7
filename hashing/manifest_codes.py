"""What can be wrong with a manifest.

Every code is a row of docs/formats/manifest.md section 6 and never changes its meaning.
"""

from typing import Final

MANIFEST_CODES: Final[dict[str, str]] = {
    "manifest-malformed": "the file is no manifest",
    "manifest-uncovered": "the checkpoint does not cover the docking's closing entry",
    "manifest-other-docking": "an entry is of another docking",
    "manifest-entry-missing": "an entry of the docking is not there",
    "manifest-entry-extra": "an entry that the docking does not have is there, or one twice",
    "manifest-entry-edited": "an entry is not the one that was sealed",
    "manifest-order": "entries or documents stand in another order than they must",
    "manifest-document-missing": "a document is neither there nor stated to be absent",
    "manifest-document-extra": "a document that no entry names is there, or one twice",
    "manifest-document-edited": "a document is not the one that was sealed",
}

MANIFEST_NOTICES: Final[dict[str, str]] = {
    "manifest-document-absent": "a document was not there any more when the manifest was made",
    "manifest-documents-withheld": "the manifest was made without its documents",
}
