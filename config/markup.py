"""HTML as a type: text becomes part of it escaped, or not at all.

A name, an origin, a finding's kind may come from a hostile dock or recorder.
"""

import html
from collections.abc import Iterable
from typing import Final, TypeAlias

from config.messages import printable

_EMPTY: Final = frozenset({"meta", "link", "br"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | None"


def element(tag: str, *children: Child, **attributes: str | int | bool | None) -> Html:
    """Return an element. `class_` stands for class, `data_label` for data-label.

    An attribute of None or False is left out, one of True stands alone.
    """
    head = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _EMPTY:
        return Html(f"<{tag}{head}>")
    return Html(f"<{tag}{head}>{join(children)}</{tag}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """Return children one behind the other."""
    return Html(text(between).join(text(child) for child in children))


def text(child: Child) -> Html:
    """Return what a child is as HTML: escaped, and steering nothing, unless it is HTML."""
    if isinstance(child, Html):
        return child
    return Html("" if child is None else html.escape(printable(str(child))))


def _attribute(name: str, value: str | int | bool | None) -> str:  # noqa: FBT001  a value, no flag
    if value is None or value is False:
        return ""
    spelled = name.rstrip("_").replace("_", "-")
    return f" {spelled}" if value is True else f' {spelled}="{text(str(value))}"'
