"""Who asks the database during one request of the web server."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from broker.databases import Process
from broker.parties.models import User
from broker.row_context import RowContext, acting, change_person

GetResponse = Callable[[HttpRequest], HttpResponse]


class NobodyAsksMiddleware:
    """Begin and end every request as the web process with nobody in front of it, who sees no rows."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(RowContext(Process.WEB)):
            return self.get_response(request)


class PersonAsksMiddleware:
    """From here on the person who has logged in asks; a key of the API names its person later, in the view."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            ask_for(request.user)
        return self.get_response(request)


def ask_for(user: User) -> None:
    """Let a person who has just been authenticated be the one who asks, to the end of the request."""
    change_person(user.role, user.organisation_id, user.id)


def context_of(user: User) -> RowContext:
    """The context in which a person asks; for commands and tests that act for people."""
    return RowContext(Process.WEB, user.role, user.organisation_id, user.id)
