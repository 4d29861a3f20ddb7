"""The verifier as one plain file, for whoever shall trust no installation of ours.

The modules of this folder stand in it as text, each as it is here, with a few lines that
import them from there. The same sources give the same bytes.
"""

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Final

# Not asked for by the verifier: what makes this file, and what runs the folder as a program.
_LEFT_OUT: Final = frozenset({"single_file.py", "__main__.py"})
_QUOTES: Final = "'''"


def sources() -> dict[str, str]:
    """Return the text of every module that the verifier is made of, by its path."""
    folder = resources.files("hashing")
    names = sorted(
        file.name
        for file in folder.iterdir()
        if file.name.endswith(".py") and file.name not in _LEFT_OUT
    )
    return {f"hashing/{name}": (folder / name).read_text(encoding="utf-8") for name in names}


def build(parts: Mapping[str, str], version: str) -> str:
    """Return the file; raise ValueError if a part cannot stand in it as it is."""
    for path, text in parts.items():
        if _QUOTES in text or "\r" in text or not text.endswith("\n"):
            raise ValueError(f"{path} cannot be quoted")
    digests = "".join(
        f"  {hashlib.sha256(text.encode()).hexdigest()}  {path}\n" for path, text in parts.items()
    )
    quoted = [f'PARTS["{path}"] = r{_QUOTES}{text}{_QUOTES}\n' for path, text in parts.items()]
    head = _HEAD.replace("@VERSION@", version).replace("@DIGESTS@", digests)
    return "\n".join([head, *quoted, _TAIL])


_HEAD: Final = '''#!/usr/bin/env python3
"""The verifier of sealdock @VERSION@, in one file: does a log hold what it is said to hold.

It needs Python 3.11 or later and the package `cryptography`, opens no connection, writes
nothing, and believes no key but those that it is given. For all it can do:

    python3 -I THIS_FILE verify --help

First come the modules of sealdock's folder hashing/, each as it stands there, byte for
byte; the last lines import and run them. `--version` prints the SHA-256 of this file and
of each part as it is now; as it was made, the parts were:

@DIGESTS@"""

import sys

VERSION = "@VERSION@"
PARTS = {}  # path -> the text of a module
'''

_TAIL: Final = '''# -- what runs the parts above -------------------------------------------------

if sys.version_info < (3, 11):
    sys.exit("This verifier needs Python 3.11 or later.")

import hashlib
import importlib.abc
import importlib.util

try:
    import cryptography  # noqa: F401
except ImportError:
    sys.exit("This verifier needs the Python package cryptography: install it, and try again.")

PACKAGE = "hashing"


class Parts(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the modules above, and no file of the same name."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != PACKAGE:
            return None
        if self.path_of(fullname) not in PARTS:
            raise ModuleNotFoundError(fullname, name=fullname)
        return importlib.util.spec_from_loader(fullname, self)

    def is_package(self, fullname):
        return fullname == PACKAGE

    def get_source(self, fullname):
        return PARTS[self.path_of(fullname)]

    def get_code(self, fullname):
        return compile(self.get_source(fullname), self.path_of(fullname), "exec")

    def path_of(self, fullname):
        name = fullname.replace(".", "/")
        return name + ("/__init__.py" if self.is_package(fullname) else ".py")


def versions():
    """Say which verifier this is, down to its bytes."""
    with open(__file__, "rb") as file:
        print("sealdock verifier", VERSION)
        print(hashlib.sha256(file.read()).hexdigest(), "", __file__)
    for path, text in PARTS.items():
        print(hashlib.sha256(text.encode("utf-8")).hexdigest(), "", path)
    return 0


if __name__ == "__main__":
    sys.meta_path.insert(0, Parts())
    if sys.argv[1:] == ["--version"]:
        sys.exit(versions())
    from hashing.command import main

    sys.exit(main(sys.argv[1:], program="python3 -I " + sys.argv[0]))
'''
