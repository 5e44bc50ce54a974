"""Read what the API is sent, strictly, and hand out pages: what is the same for every operation.

Fields that an operation does not know are refused by name, so that nobody sets what is not theirs to set. What the
fields mean is the services' business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db.models import Model, QuerySet
from django.http import QueryDict
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from broker.errors import InputError, Problem


class TooLarge(APIException):
    """The body is longer than any operation needs."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too-large"


class StrictJSONParser(JSONParser):
    """JSON in UTF-8, with each name once and no numbers that JSON does not have."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        content = stream.read(limit + 1)
        if len(content) > limit:
            raise TooLarge(f"The body is longer than {limit} bytes. Send fewer lines at once.")
        return read_json(content)


def read_json(content: bytes | str) -> Any:
    """Parse JSON; raise ParseError that says where it stops being JSON."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ParseError(
            f"The body is not JSON at line {error.lineno}, column {error.colno}. Mend it there and send it again."
        ) from None
    except (ValueError, RecursionError):
        # Wrong encoding, a name given twice, NaN, a number of thousands of digits, brackets without end.
        raise ParseError("The body is not plain JSON in UTF-8 with each name given once.") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def read_object(data: object, fields: Collection[str], *, lists: Collection[str] = ()) -> dict[str, Any]:
    """Give the fields of a JSON object, refusing unknown ones by name and text that cannot be stored.

    lists: fields that are lists of texts. Raises InputError naming every defect.
    """
    if not isinstance(data, Mapping):
        raise InputError([Problem("body.shape", "body", f"Send one JSON object with: {', '.join(fields)}.")])
    problems = [
        Problem("field.unknown", str(name)[:80], f"Leave this out. The fields are: {', '.join(fields)}.")
        for name in data
        if name not in fields
    ]
    for name, value in data.items():
        if not _storable(value):
            problems.append(
                Problem("text.character", str(name)[:80], "Remove NUL characters and half surrogate pairs.")
            )
        if name in lists and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            problems.append(Problem(f"{name}.shape", name, "Give a list of texts."))
    if problems:
        raise InputError(problems)
    return dict(data)


def _storable(value: object) -> bool:
    """Say whether PostgreSQL can hold every text in here; it holds neither NUL nor lone surrogates."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, Mapping):
        return all(_storable(key) and _storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_storable(item) for item in value)
    return True


def read_multipart(
    request: Request, fields: Collection[str], *, lists: Collection[str] = (), objects: Collection[str] = ()
) -> dict[str, Any]:
    """Give the text fields of a multipart body. lists: fields that may be repeated; objects: fields that hold JSON.

    Files are in request.FILES. Raises InputError for unknown fields, or one given twice that may not be.
    """
    sent = request.data
    if not isinstance(sent, QueryDict):
        raise ParseError("Send multipart/form-data.")
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, given in sent.lists():
        if name in request.FILES:
            continue
        if len(given) != 1 and name not in lists:
            problems.append(Problem("field.repeated", name[:80], "Give this field once."))
        values[name] = given if name in lists else given[-1]
    if problems:
        raise InputError(problems)
    known = read_object(values, fields, lists=lists)
    for name in objects:
        if name in known:
            known[name] = read_json(known[name])
            read_object({name: known[name]}, fields)
    return known


class ApiView(APIView):
    """One operation. Bodies are strict JSON unless the operation takes files.

    scopes: by method, what a key must be allowed to do; a method that is not named is closed.
    """

    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    scopes: Mapping[str, str] = MappingProxyType({})

    def handle_exception(self, exc: Exception) -> Response:
        # Django raises these while a multipart body is read: too many fields, too much of them.
        if isinstance(exc, SuspiciousOperation):
            exc = TooLarge("The body has too many or too large fields.")
        return super().handle_exception(exc)


class FileView(ApiView):
    """An operation that takes a file with its fields."""

    parser_classes = (MultiPartParser,)


class Pages(PageNumberPagination):
    """A hundred items a page, `?page=2` for the next."""

    page_size = 100


def page_of(
    view: APIView,
    request: Request,
    rows: QuerySet[Any],
    present: Callable[[Sequence[Any]], list[dict[str, Any]]],
) -> Response:
    """Answer with one page of rows; `present` turns the rows of the page into plain data, all at once."""
    pages = Pages()
    found: list[Model] | None = pages.paginate_queryset(rows, request, view=view)
    return pages.get_paginated_response(present(found or []))


class NothingHere(ApiView):
    """The answer to every address of the API that does not exist, so that it too is a problem response."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("There is no such operation. See the list in the documentation.")
