"""Who asks decides which rows are there: in every transaction, for its length, and for nobody after it."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, transaction

from broker.databases import Process
from broker.intake.models import DisclosureRequest
from broker.parties.middleware import context_of
from broker.row_context import RowContext, acting, change_person
from tests.support.rows import World, make_request, make_world

NOBODY = RowContext(Process.WEB)


def count() -> int:
    with transaction.atomic():
        return DisclosureRequest.objects.count()


@pytest.fixture
def filed(transactional_db: None) -> World:
    with transaction.atomic():
        world = make_world()
        make_request(world)
    return world


def test_rows_are_there_for_the_process_that_acts_and_the_person_who_asks(filed: World) -> None:
    assert count() == 1
    with acting(context_of(filed.filer)):
        assert count() == 1
    with acting(RowContext(Process.JOBS, "jobs")):
        assert count() == 1
    with acting(NOBODY):
        assert count() == 0
    with acting(context_of(filed.clerk)):
        assert count() == 1


def test_outside_a_transaction_the_web_process_is_nobody(filed: World) -> None:
    with acting(context_of(filed.first)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('broker.role', true)")
            assert cursor.fetchone()[0] in (None, "")
        assert count() == 1


def test_whoever_comes_next_on_the_connection_sees_nothing_of_the_one_before(filed: World) -> None:
    with acting(context_of(filed.first)):
        assert count() == 1
    with acting(NOBODY), connection.cursor() as cursor:
        assert count() == 0
        cursor.execute("SELECT current_setting('broker.organisation', true), current_user")
        assert cursor.fetchone() == ("", "broker_owner")


def test_an_open_transaction_learns_who_asks_from_now_on(filed: World) -> None:
    with transaction.atomic():
        with acting(NOBODY):
            assert DisclosureRequest.objects.count() == 0
            # As when a key of the API names its person in the middle of a request.
            change_person("counsel", filed.counsel.id, filed.filer.id)
            assert DisclosureRequest.objects.count() == 1
            with acting(NOBODY):
                assert DisclosureRequest.objects.count() == 0
            assert DisclosureRequest.objects.count() == 1
        assert DisclosureRequest.objects.count() == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('broker.role')")
            assert cursor.fetchone() == ("broker_owner", "")


def test_a_failed_transaction_shows_its_own_error(filed: World) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        acting(context_of(filed.first)),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM disclosure_request")
    assert count() == 1


def test_a_stand_in_has_the_grants_of_the_process_it_stands_in_for(filed: World) -> None:
    with transaction.atomic(), acting(RowContext(Process.WORKER, "worker")), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("broker_worker",)
