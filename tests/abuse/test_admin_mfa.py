"""Abuse case 29: the admin opens to nobody who has not shown a second factor, wherever they knock."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, override_settings

from broker.assessment.models import AssessmentRecord, PackVersion
from broker.portal.middleware import WITHOUT_FACTOR
from tests.support.accounts import give_app, is_logged_in, log_in, log_in_with_password_only
from tests.support.cases import Desk, make_reviewed
from tests.support.routes import routes

pytestmark = pytest.mark.django_db


def admin_routes(desk: Desk) -> list[str]:
    request = make_reviewed(desk)
    order = request.orders.get()
    values = {
        "request_id": str(request.id),
        "order_id": str(order.id),
        "terms_id": str(order.terms.get().id),
        "user_id": str(desk.filer.id),
        "object_id": str(PackVersion.objects.get().pk),
        "content_type_id": "1",
    }
    found = [path for path, _ in routes(values=values) if path.startswith("/admin/")]
    found += [f"/admin/broker/assessmentrecord/{AssessmentRecord.objects.values_list('pk', flat=True)[0]}/change/"]
    assert len(found) > 20
    return found


def answers(client: Client, path: str) -> list[HttpResponse]:
    return [client.get(path), client.post(path), client.head(path)]  # type: ignore[list-item] # they are responses


@pytest.mark.parametrize("has_app", [False, True], ids=["without an app", "with an app"])
def test_no_admin_page_answers_a_session_with_a_password_only(desk: Desk, has_app: bool) -> None:
    paths = admin_routes(desk)
    if has_app:
        give_app(desk.ana)
    client = log_in_with_password_only(Client(), desk.ana)
    for path in paths:
        for response in answers(client, path):
            assert (response.status_code, response.headers.get("Location")) == (302, "/account/"), path


def test_no_admin_page_answers_a_stranger(desk: Desk) -> None:
    for path in admin_routes(desk):
        for response in answers(Client(), path):
            assert response.status_code in (302, 403, 404, 405), path


def test_the_pages_answer_a_session_with_a_second_factor(desk: Desk) -> None:
    paths = admin_routes(desk)
    client = log_in(Client(), desk.ana)
    statuses = [client.get(path).status_code for path in paths]
    assert statuses.count(200) >= 12
    assert max(statuses) < 500


def test_the_admin_refuses_by_itself_should_the_middleware_be_gone(desk: Desk) -> None:
    paths = admin_routes(desk)
    client = log_in_with_password_only(Client(), desk.ana)
    without = [name for name in settings.MIDDLEWARE if "AccessMiddleware" not in name]
    with override_settings(MIDDLEWARE=without):
        for path in paths:
            assert client.get(path).status_code != 200, path


def test_a_password_alone_opens_the_set_up_of_a_factor_and_nothing_else(desk: Desk) -> None:
    for user in (desk.ana, desk.clerk, desk.filer):
        opened = set()
        client = Client()
        for path, name in routes():
            if path.startswith("/api/"):
                continue
            # Some pages end the session; whoever goes on begins another.
            if not is_logged_in(client):
                log_in_with_password_only(client, user)
            if client.get(path).status_code == 200:
                opened.add(name)
        assert opened <= {name.removeprefix("portal:") for name in WITHOUT_FACTOR}, user.role
        assert {"mfa_index", "mfa_activate_totp", "mfa_add_webauthn"} <= opened
