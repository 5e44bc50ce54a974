"""Column types of PostgreSQL that Django does not know, and the form of a reference.

Migrations name the classes as `broker.leases.models.InetField`, so the package must go on exporting them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    # Django's fields take type parameters in the stubs only.
    _Field = models.Field

# A reference is opaque: random, counted or digested, never a name or a line number that people know.
REFERENCE = r"^[A-Za-z0-9._-]{1,64}$"


class CidrField(_Field):
    """A prefix, as PostgreSQL's cidr: host bits must be zero."""

    def db_type(self, connection: Any) -> str:
        return "cidr"


class InetField(_Field):
    """An address or prefix, as PostgreSQL's inet."""

    def db_type(self, connection: Any) -> str:
        return "inet"


class SpansField(_Field):
    """Disjoint spans of time, as PostgreSQL's tstzmultirange."""

    def db_type(self, connection: Any) -> str:
        return "tstzmultirange"


class CidrsField(_Field):
    """Prefixes in an order that counts, as PostgreSQL's cidr[]."""

    def db_type(self, connection: Any) -> str:
        return "cidr[]"
