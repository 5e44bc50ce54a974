"""A file of parties is registered whole or not at all, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.audit.models import Event
from broker.parties.models import CourtCertificate, Organisation, User
from broker.parties.register import RegisterError, register_parties
from tests.support.flow import DEMO

pytestmark = pytest.mark.django_db


def register(file: Path) -> list[str]:
    return register_parties(file).made


def test_registers_everybody_once() -> None:
    assert len(register(DEMO / "parties.toml")) == User.objects.count() == 8
    assert CourtCertificate.objects.count() == 2
    assert Event.objects.filter(kind="user:registered").count() == 8
    assert register(DEMO / "parties.toml") == []
    assert Organisation.objects.count() == 6


def test_a_new_person_has_no_way_in_before_the_invitation() -> None:
    register(DEMO / "parties.toml")
    assert not User.objects.get(username="carla").has_usable_password()


COURT = '[[organisation]]\nid = "c"\nkind = "court"\nname = "Court"\njurisdiction = "es"\n'
BAD = {
    "no such file": (None, "There is no parties.toml"),
    "not toml": ("[[organisation", "cannot be read"),
    "no name": ('person = []\n[[organisation]]\nid = "c"\nkind = "court"\njurisdiction = "es"\n', "lacks 'name'"),
    "no such kind": ("person = []\n" + COURT.replace('"court"', '"castle"'), "castle"),
    "no certificate": ("person = []\n" + COURT + 'certificate = "none.crt"\n', "no none.crt"),
    "no such organisation": (
        COURT + '[[person]]\nusername = "a"\nname = "A"\nrole = "clerk"\norganisation = "x"\n',
        "no entry",
    ),
    "role elsewhere": (
        COURT + '[[person]]\nusername = "a"\nname = "A"\nrole = "legal"\norganisation = "c"\n',
        "kind operator",
    ),
    "no such role": (
        COURT + '[[person]]\nusername = "a"\nname = "A"\nrole = "king"\norganisation = "c"\n',
        "king",
    ),
}


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD.keys())
def test_refuses_a_file_of_another_form_and_stores_nothing(tmp_path: Path, content: str | None, says: str) -> None:
    file = tmp_path / "parties.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RegisterError, match=says):
        register(file)
    assert not Organisation.objects.exists()
    assert not User.objects.exists()
