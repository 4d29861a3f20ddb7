"""Errors as problem documents (RFC 9457): a stable code for programs, a sentence for people.

    {"type": "urn:sealdock:problem:<code>", "title": …, "status": …, "code": "<code>", facts…}

The sentences are not here: an application brings them, in the languages that it speaks.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from starlette.responses import Response

from transport.errors import TransportError

TYPE: Final = "urn:sealdock:problem:"
MEDIA_TYPE: Final = "application/problem+json"

Titles: TypeAlias = Callable[[str, str, Mapping[str, object]], str]
"""From a problem's code, a language and the facts to the sentence for people."""

_CHOICE: Final = re.compile(
    r"(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4})"
    r"(?:[ \t]*;[ \t]*q=(?P<q>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.ASCII,
)
_MOST_CHOICES: Final = 20


class ProblemError(TransportError):
    """A request that is answered with a problem document; `facts` become its members."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        headers: Mapping[str, str] | None = None,
        **facts: str | int,
    ) -> None:
        named = "".join(f" {name}={value!r}" for name, value in sorted(facts.items()))
        super().__init__(f"{status} {code}{named}")
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.facts = facts


def document(problem: ProblemError, lang: str, titles: Titles) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": TYPE + problem.code,
        "title": titles(problem.code, lang, problem.facts),
        "status": problem.status,
        "code": problem.code,
        **problem.facts,
    }


def answer(problem: ProblemError, lang: str, titles: Titles) -> Response:
    """Return a problem as the answer to a request; nobody keeps it."""
    told = document(problem, lang, titles)
    return Response(
        json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={
            "cache-control": "no-store",
            "content-language": lang,
            "vary": "accept-language",
            **problem.headers,
        },
    )


def language(accepted: str, offered: Sequence[str]) -> str:
    """Return which of `offered` an Accept-Language field likes best; the first if none.

    A tag fits what begins alike: "zh" and "zh-TW" fit "zh-CN" where nothing fits better.
    """
    best, liked = offered[0], 0.0
    for choice in accepted.split(",")[:_MOST_CHOICES]:
        found = _CHOICE.fullmatch(choice.strip(" \t"))
        if found is None:
            continue
        weight = 1.0 if found["q"] is None else float(found["q"])
        lang = _fitting(found["tag"].lower(), offered)
        if lang is not None and weight > liked:
            best, liked = lang, weight
    return best


def _fitting(tag: str, offered: Sequence[str]) -> str | None:
    if tag == "*":
        return offered[0]
    exact = [lang for lang in offered if lang.lower() == tag]
    primary = tag.partition("-")[0]
    alike = [lang for lang in offered if lang.lower().partition("-")[0] == primary]
    return next(iter([*exact, *alike]), None)
