"""The people and organisations of a demo folder, made real: accounts, certificates, recipient keys.

A demo folder holds `parties.toml`, the certificates it names, `leases.csv`, `subscribers.csv`, `orders/*.pdf` and
`cases/*.toml`. Everything in the one we ship is invented.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from broker.crypto.age import new_identity, public_key_of
from broker.errors import BrokerError
from broker.parties.middleware import context_of
from broker.parties.models import Organisation, RecipientKey, User
from broker.parties.register import register_parties
from broker.parties.services import register_recipient_key
from broker.private_files import write_private
from broker.row_context import acting

# The lease file of the demo holds everything there was, so that what it does not show was nobody's.
LEASES_COMPLETE = ("--complete-from=2026-08-30T00:00:00Z", "--complete-until=2026-11-01T00:00:00Z")


class DemoError(BrokerError):
    """A demo folder is not of the form this command plays."""

    code = "demo.folder"


@dataclass(frozen=True, slots=True)
class World:
    """Who takes part, by the names the folder uses; identity: organisation -> file with its age secret key."""

    people: dict[str, User]
    organisations: dict[str, Organisation]
    identities: dict[str, Path]


def read_toml(path: Path) -> dict[str, Any]:
    """Read one file of a demo folder; raises DemoError that says which file and what is wrong with it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DemoError(f"The demo folder has no {path.name}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DemoError(f"{path.name} cannot be read: {error}.") from None


def make_world(folder: Path, keys: Path, password: str) -> World:
    """Make whatever of the folder's world does not exist yet; doing it twice changes nothing.

    keys: folder for the recipients' secret keys, which in real life never leave the recipient.
    """
    registered = register_parties(folder / "parties.toml")
    for name in registered.made:
        _let_in(registered.people[name], password)
    people, organisations = registered.people, registered.organisations
    identities = {
        name: _identity(organisation, people, keys / f"{name}.key")
        for name, organisation in organisations.items()
        if organisation.kind in (Organisation.Kind.COUNSEL, Organisation.Kind.AUTHORITY)
    }
    return World(people, organisations, identities)


def _let_in(user: User, password: str) -> None:
    """Give a demo person what an invitation would have led to: the password, and an app for codes."""
    user.set_password(password)
    user.save(update_fields=["password"])
    TOTP.activate(user, generate_totp_secret())


def _identity(organisation: Organisation, people: dict[str, User], file: Path) -> Path:
    if not file.exists():
        write_private(file, f"{new_identity()}\n".encode())
    if not RecipientKey.objects.filter(organisation=organisation, withdrawn_at=None).exists():
        member = next(user for user in people.values() if user.organisation_id == organisation.id)
        with acting(context_of(member)):
            register_recipient_key(member, public_key_of(file.read_text().strip()))
    return file
