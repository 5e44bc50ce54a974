"""The policy of the bench as an OpenFisca system of variables, decided for all lines at once.

Source of the shape: OpenFisca's own documentation of entities, variables and simulations. Built with classes made at
run time, because every fact is one variable.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from tests.bench import policy

PERIOD = "2026-11"


@cache
def _system() -> tuple[Any, Any]:
    """Make the system: one entity, one input variable a fact, and the variable that says whether it is permitted."""
    entities: Any = importlib.import_module("openfisca_core.entities")
    benefits: Any = importlib.import_module("openfisca_core.taxbenefitsystems")
    variables: Any = importlib.import_module("openfisca_core.variables")
    periods: Any = importlib.import_module("openfisca_core.periods")
    entity = entities.Entity("line", "lines", "A line of a request", "")
    system = benefits.TaxBenefitSystem([entity])

    def variable(name: str, kind: type, formula: Any = None) -> None:
        body = {"value_type": kind, "entity": entity, "definition_period": periods.MONTH, "label": name}
        system.add_variable(type(name, (variables.Variable,), body | ({"formula": formula} if formula else {})))

    for name in policy.BOOLS:
        variable(name, bool)
    for name in (*policy.CHOICES, *policy.NUMBERS):
        variable(name, int)
    for name in policy.DATES:
        variable(name, date)
    variable("permitted", bool, _formula)
    return system, importlib.import_module("openfisca_core.simulations").SimulationBuilder


def _code(fact: str, *values: str) -> list[int]:
    return [policy.CHOICES[fact].index(value) for value in values]


def _formula(line: Any, period: Any) -> Any:
    def is_one(fact: str, *values: str) -> Any:
        codes, given = _code(fact, *values), line(fact, period)
        found = given == codes[0]
        for code in codes[1:]:
            found |= given == code
        return found

    def yes(name: str) -> Any:
        return line(name, period)

    civil = is_one("track", "civil") & is_one("orderer", "court") & yes("b01") & yes("b02") & yes("b03")
    criminal = is_one("track", "criminal") & is_one("orderer", "judge", "prosecutor") & yes("b01") & yes("b04")
    refused = yes("b05") | (is_one("origin", "retention") & is_one("track", "civil"))
    refused |= yes("d1") < importlib.import_module("numpy").datetime64(policy.OLDEST)
    refused |= (yes("n1") > 100) & ~yes("b06")
    refused |= yes("b07") & yes("b08")
    lacking = (yes("b09") & ~yes("b10")) | (is_one("sharing", "shared") & ~yes("b11")) | ~(yes("b12") & yes("b13"))
    return (civil | criminal) & ~refused & ~lacking & ~(yes("b14") & yes("b15"))


def permitted(common: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Decide all lines at once; values that no line varies are given once and repeated by NumPy."""
    numpy: Any = importlib.import_module("numpy")
    system, builder = _system()
    simulation = builder().build_default_simulation(system, count=len(lines))

    def array(name: str, values: Sequence[Any]) -> Any:
        if name in policy.CHOICES:
            code = {value: number for number, value in enumerate(policy.CHOICES[name])}
            return numpy.array([code[value] for value in values])
        return numpy.array(values, dtype="datetime64[D]" if name in policy.DATES else None)

    for name, value in common.items():
        simulation.set_input(name, PERIOD, numpy.repeat(array(name, [value]), len(lines)))
    for name in lines[0]:
        simulation.set_input(name, PERIOD, array(name, [line[name] for line in lines]))
    return list(map(bool, simulation.calculate("permitted", PERIOD)))
