"""A file of parties is registered whole or not at all, once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from broker.audit.models import Event
from broker.orders.material import court_trust
from broker.orders.trust import CourtTrust
from broker.orders.trust import SignaturePolicy as Policy
from broker.parties.court_trust import RevocationSource, SignaturePolicy
from broker.parties.models import CourtCertificate, Organisation, User
from broker.parties.register import RegisterError, register_parties
from tests.support.court import Court, TimestampAuthority
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
    "certificate of counsel": (
        "person = []\n" + COURT.replace('"court"', '"counsel"') + 'certificate = "none.crt"\n',
        "of kind court",
    ),
    "lists as text": ("person = []\n" + COURT + 'revocation-lists = "http://a.example"\n', "a list of texts"),
    "list in a file": ("person = []\n" + COURT + 'revocation-lists = ["file:///a.crl"]\n', "http or https"),
    "list nowhere": ("person = []\n" + COURT + 'revocation-lists = ["a.crl"]\n', "http or https"),
    "no timestamp authority": ("person = []\n" + COURT + 'timestamp-authorities = ["t.crt"]\n', "no t.crt"),
    "unknown wish": ("person = []\n" + COURT + "[organisation.signatures]\nstamp-required = true\n", "stamp-required"),
    "wish of words": (
        "person = []\n" + COURT + '[organisation.signatures]\nrevocation-required = "no"\n',
        "true or false",
    ),
    "no age": ("person = []\n" + COURT + "[organisation.signatures]\nrevocation-max-age-hours = 0\n", "from 1 to"),
    "age of words": (
        "person = []\n" + COURT + "[organisation.signatures]\nrevocation-max-age-hours = true\n",
        "from 1 to",
    ),
    "no identifier": (
        "person = []\n" + COURT + '[organisation.signatures]\ncertificate-policies = ["qualified"]\n',
        "dotted",
    ),
    "no such usage": ("person = []\n" + COURT + '[organisation.signatures]\nkey-usage = ["seal"]\n', "key-usage knows"),
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


FULL = """
person = []
[[organisation]]
id = "c"
kind = "court"
name = "Court"
jurisdiction = "es"
certificate = "court.crt"
timestamp-authorities = ["time.crt"]
revocation-lists = ["http://revocation.example/list.crl"]
[organisation.signatures]
timestamp-required = true
revocation-max-age-hours = 48
certificate-policies = ["1.3.6.1.4.1.99999.1"]
key-usage = ["content-commitment"]
"""


def test_registers_what_a_courts_signatures_must_bring_once_and_changes_as_new_versions(tmp_path: Path) -> None:
    court, authority = Court.create("Juzgado"), TimestampAuthority.create("Sellado de tiempo")
    (tmp_path / "court.crt").write_text(court.certificate_pem)
    (tmp_path / "time.crt").write_text(authority.court.certificate_pem)
    file = tmp_path / "parties.toml"
    file.write_text(FULL)
    register(file)
    register(file)
    identifier = Organisation.objects.get().id
    RevocationSource.objects.update(content=b"list", issued_at=timezone.now(), fetched_at=timezone.now())
    assert court_trust(identifier) == CourtTrust(
        certificates=(court.certificate_der,),
        timestamp_authorities=(authority.certificate_der,),
        revocation_lists=(b"list",),
        policy=Policy(
            timestamp_required=True,
            revocation_required=True,
            revocation_max_age=timedelta(hours=48),
            certificate_policies=frozenset({"1.3.6.1.4.1.99999.1"}),
            key_usage=frozenset({"non_repudiation"}),
        ),
    )
    assert SignaturePolicy.objects.count() == RevocationSource.objects.count() == 1
    file.write_text(FULL.replace("timestamp-required = true", "timestamp-required = false"))
    register(file)
    assert SignaturePolicy.objects.count() == 2
    assert not court_trust(identifier).policy.timestamp_required
    RevocationSource.objects.update(withdrawn_at=timezone.now())
    CourtCertificate.objects.update(withdrawn_at=timezone.now())
    withdrawn = court_trust(identifier)
    assert (withdrawn.certificates, withdrawn.timestamp_authorities, withdrawn.revocation_lists) == ((), (), ())


def test_a_court_that_says_nothing_is_held_to_the_strict_defaults(tmp_path: Path) -> None:
    file = tmp_path / "parties.toml"
    file.write_text("person = []\n" + COURT)
    register(file)
    policy = court_trust(Organisation.objects.get().id).policy
    assert policy == Policy()
    assert policy.revocation_required
    file.write_text("person = []\n" + COURT + "[organisation.signatures]\n")
    register(file)
    assert court_trust(Organisation.objects.get().id).policy == policy
