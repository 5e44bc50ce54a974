"""Organisations, their people and the courts' certificates, from one TOML file.

    [[organisation]]            id, kind, name, jurisdiction; for a court also what `register_trust.py` lists
    [[person]]                  username, name, role, organisation (the id above); email if you like

What exists is left as it is, so the file can grow and be read again. New people are then invited (`accounts.invite`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from broker.audit.services import record
from broker.errors import BrokerError, InputError
from broker.parties.accounts import open_account
from broker.parties.models import ROLE_KIND, Organisation, Role, User
from broker.parties.register_trust import register_trust


class RegisterError(BrokerError):
    """The file is not of the form above; nothing of it was stored."""

    code = "parties.file"


@dataclass(frozen=True, slots=True)
class Registered:
    """Everybody the file names, by its ids and user names; made: the user names that are new, with no way in yet."""

    organisations: dict[str, Organisation]
    people: dict[str, User]
    made: list[str]


def register_parties(file: Path) -> Registered:
    """Register what a file names and does not exist yet, all of it or nothing.

    Raises RegisterError that says which entry lacks what, InputError for a certificate that is none.
    """
    data = _read(file)
    try:
        with transaction.atomic():
            organisations = {item["id"]: _organisation(item) for item in data["organisation"]}
            for item in data["organisation"]:
                register_trust(organisations[item["id"]], item, file.parent)
            people, made = {}, []
            for item in data["person"]:
                found = User.objects.filter(username=item["username"]).first()
                people[item["username"]] = found or _person(item, organisations)
                if found is None:
                    made.append(item["username"])
    except KeyError as error:
        raise RegisterError(
            f"{file.name}: an entry lacks {error}, or names an organisation that has no entry."
        ) from None
    except (ValidationError, ValueError) as error:
        raise RegisterError(f"{file.name}: {'; '.join(getattr(error, 'messages', [str(error)]))}") from None
    except FileNotFoundError as error:
        raise RegisterError(f"There is no {Path(str(error.filename)).name} beside {file.name}.") from None
    return Registered(organisations, people, made)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegisterError(f"There is no {file.name}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegisterError(f"{file.name} cannot be read: {error}.") from None


def _organisation(item: dict[str, Any]) -> Organisation:
    known = Organisation.objects.filter(kind=item["kind"], name=item["name"]).first()
    if known is not None:
        return known
    made = Organisation(kind=item["kind"], name=item["name"], jurisdiction=item["jurisdiction"])
    made.full_clean()
    made.save(force_insert=True)
    record("organisation:registered", "organisation", made.id, {"kind": made.kind})
    return made


def _person(item: dict[str, Any], organisations: dict[str, Organisation]) -> User:
    organisation, role = organisations[item["organisation"]], Role(item["role"])
    if ROLE_KIND[role] != organisation.kind:
        raise ValueError(f"the role {role} belongs to an organisation of kind {ROLE_KIND[role]}")
    fields = {"username": item["username"], "display_name": item["name"], "email": item.get("email", "")}
    try:
        return open_account({**fields, "role": role, "organisation": organisation}, by=None)
    except InputError as error:
        raise ValueError("; ".join(f"{p.field}: {p.message}" for p in error.problems)) from None
