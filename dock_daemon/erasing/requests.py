"""What may be asked and told about erasing on the dock's socket (docs/control.md)."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class _AskErasing(
    msgspec.Struct, tag_field="ask", tag="erasing", forbid_unknown_fields=True, kw_only=True
):
    """Which clips of docked recorders may be erased by now, and what keeps the others."""

    bay: _Name | None = None


class _TellErase(
    msgspec.Struct, tag_field="tell", tag="erase", forbid_unknown_fields=True, kw_only=True
):
    """What may be erased by now is to be erased, in a bay or in every one."""

    bay: _Name | None = None


def bay_asked(request: Mapping[str, object]) -> str | None:
    """Return about which bay it is asked, None for all; raise ValueError if it is nonsense."""
    return _bay(request, _AskErasing)


def bay_told(request: Mapping[str, object]) -> str | None:
    """Return in which bay to erase, None for all; raise ValueError if it is nonsense."""
    return _bay(request, _TellErase)


def _bay(request: Mapping[str, object], kind: type[_AskErasing | _TellErase]) -> str | None:
    try:
        return msgspec.convert(request, kind).bay
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
