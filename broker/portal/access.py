"""Who reaches a page, and what people see when our services say no."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from broker.errors import NotAllowed, NotFound, TransitionConflict
from broker.parties.models import Role, User

View = Callable[..., HttpResponse]

REQUESTERS = (Role.COUNSEL, Role.AUTHORITY)


def page(*roles: Role) -> Callable[[View], View]:
    """Let people of these roles in, logged in, and turn our errors into pages.

    NotFound is a 404 like that of any other address, so that a stranger learns nothing; NotAllowed is a 403 and
    TransitionConflict a 409, each with its sentence. Anything else is a 500 without details.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if portal_user(request).role not in roles:
                    raise NotAllowed("This page is for other people than you. Go back to your own pages.")
                return view(request, *args, **kwargs)
            except NotFound as error:
                raise Http404 from error
            except NotAllowed as error:
                return render(request, "403.html", {"sentence": str(error)}, status=403)
            except TransitionConflict:
                return render(request, "portal/conflict.html", status=409)

        return login_required(guarded)

    return wrap


def portal_user(request: HttpRequest) -> User:
    """The logged-in user of a page, with its type; only called behind `page`."""
    user: Any = request.user
    if not isinstance(user, User):
        raise NotAllowed("Log in first.")
    # Django hands out a lazy stand-in; a copy of it is the account itself, which can be stored in relations.
    account: User = copy(user)
    return account
