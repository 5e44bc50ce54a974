"""The templates of one exporter as its messages bring, replace and withdraw them. Pure; their bytes are read elsewhere.

A template that cannot be used is kept as well: what is wrong with it is told with its data.
Source: RFC 7011 3.4, 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from broker.attribution.logs import ipfix_nat, ipfix_wire
from broker.attribution.logs.events import RecordError
from broker.attribution.logs.ipfix_wire import Layout, Template

# An exporter has a few templates of some twenty fields, and repeats them every few minutes.
_MOST_FIELDS = 65_536

# Domain and number.
Key = tuple[int, int]


class Known(NamedTuple):
    """A template; where in its rows the fields stand; whether they are of NAT events; what is wrong with it."""

    template: Template
    layout: Layout
    ours: bool
    wrong: str


class Templates:
    """The templates of all domains."""

    def __init__(self) -> None:
        self._known: dict[int, dict[int, Known]] = {}
        self._fields = 0

    def get(self, key: Key) -> Known | None:
        return self._known.get(key[0], {}).get(key[1])

    def define(self, domain: int, set_id: int, found: Iterable[tuple[int, Template | None]]) -> None:
        """Take what a set of templates says, as `ipfix_wire.templates` gives it; raises TEMPLATE_LIMIT."""
        for number, template in found:
            if template is not None:
                self._learn(domain, number, template)
            elif number == set_id:
                options = set_id == ipfix_wire.OPTIONS
                numbers = self._known.get(domain, {})
                for gone in [n for n, known in numbers.items() if known.template.options == options]:
                    self._forget(domain, gone)
            else:
                self._forget(domain, number)

    def state(self) -> list[Any]:
        """Give them as JSON knows them: domain, number, whether of options, and the fields of each."""
        return [
            [domain, number, known.template.options, [list(field) for field in known.template.fields]]
            for domain, numbers in self._known.items()
            for number, known in numbers.items()
        ]

    def learn(self, state: list[Any], only: int | None = None) -> None:
        """Take those that `state` gave, or of them those of one domain; raises TEMPLATE_LIMIT."""
        for domain, number, options, fields in state:
            if only in (None, domain):
                template = Template(options, tuple((element, length) for element, length in fields))
                self._learn(domain, number, template)

    def _forget(self, domain: int, number: int) -> None:
        if (known := self._known.get(domain, {}).pop(number, None)) is not None:
            self._fields -= len(known.template.fields)

    def _learn(self, domain: int, number: int, template: Template) -> None:
        known = self.get((domain, number))
        if known is not None and known.template == template:
            return
        self._forget(domain, number)
        if self._fields + len(template.fields) > _MOST_FIELDS:
            raise RecordError("TEMPLATE_LIMIT")
        ours, wrong = not template.options and any(element == ipfix_nat.NAT_EVENT for element, _ in template.fields), ""
        shape = ipfix_wire.layout(template, {})
        if ours:
            try:
                for element, length in template.fields:
                    ipfix_nat.check_length(element, length)
                shape = ipfix_wire.layout(template, ipfix_nat.WANTED)
            except RecordError as error:
                wrong = error.code
        self._fields += len(template.fields)
        self._known.setdefault(domain, {})[number] = Known(template, shape, ours, wrong)
