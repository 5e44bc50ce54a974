"""The generated kernel and the reference interpreter say the same, and every mutation of the kernel is noticed."""

from __future__ import annotations

import ast
import inspect
import itertools
import random
import re

import pytest

from legal_rules import reference
from legal_rules.ir import lower
from legal_rules.kernel import Kernel, kernel_of, source_of
from legal_rules.model import Pack

from .comparing import by_reference, disagreements
from .random_packs import DAY, HEADER, Case, pack_text, parse, random_case

PACKS, CASES = 1_000, 10


@pytest.mark.parametrize("block", range(10))
def test_kernel_and_reference_agree_on_random_packs_and_facts(block: int) -> None:
    """Ten blocks of a thousand pack and fact combinations each: ten thousand in all."""
    seen: set[str] = set()
    for seed in range(block * PACKS // 10, (block + 1) * PACKS // 10):
        rng = random.Random(seed)
        pack = parse(pack_text(rng))
        cases = [random_case(rng) for _ in range(CASES)]
        expected = [by_reference(pack, case) for case in cases]
        assert disagreements(pack, Kernel(lower(pack)), cases, expected) == [], f"seed {seed}"
        seen |= {name for each in expected for name, status in each.outcome.items() if status}
    assert seen == {"REFUSED", "INCOMPLETE", "NEEDS_JUDGEMENT", "PERMITTED"}, "the packs must reach every outcome"


def test_reference_imports_nothing_of_the_kernel() -> None:
    imported = {
        node.module
        for node in ast.walk(ast.parse(inspect.getsource(reference)))
        if isinstance(node, ast.ImportFrom) and node.level
    }
    assert imported == {"model", "phrases"}


def test_generated_text_holds_no_byte_of_the_pack() -> None:
    text = source_of(lower(parse(pack_text(random.Random(4)))))
    words = set(re.findall(r"[A-Za-z_]+\d*", text))
    assert {word for word in words if not re.fullmatch(r"[tf]\d+", word)} == {
        "def", "kernel", "known", "denied", "ones", "return",
    }  # fmt: skip
    assert set(re.sub(r"[\w\s]", "", text)) <= set("=&|()[],:")


MUTATED = (
    HEADER
    + """
[source]
s = { cite = "S", from = 2020-03-31, until = 2020-12-31, confidence = "L" }
[fact]
red = { ask = "?", settled-by = "order" }
green = { ask = "?", settled-by = "order" }
blue = { ask = "?", settled-by = "order" }
grey = { ask = "?", settled-by = "order" }
[term]
odd = ["red", "not green"]
[[basis]]
id = "open"
says = "."
cite = ["s"]
when = [{ any = ["odd", "blue"] }]
unless = ["grey"]
discloses = ["name", "email"]
[[basis]]
id = "further"
says = "."
cite = ["s"]
when = ["grey"]
discloses = ["email"]
exception-to = ["keep"]
[[limit]]
id = "keep"
says = "."
cite = ["s"]
when = ["red"]
keeps = ["name"]
[[refuse]]
id = "no"
says = "."
cite = ["s"]
when = ["red", "green", "blue"]
[[require]]
id = "ask"
says = "."
cite = ["s"]
when = ["red"]
needs = [{ any = ["blue", "grey"] }]
if-unmet = "ask"
[[weigh]]
id = "balance"
says = "."
cite = ["s"]
when = ["green", "grey"]
between = ["a", "b"]
"""
)


def mutate(text: str, rng: random.Random) -> str:
    """Change one thing in the generated text: an operator, a rail, an operand, an input or a constant."""
    lines = text.split("\n")
    while True:
        number = rng.randrange(1, len(lines) - 2)
        line = lines[number]
        target, _, body = line.partition(" = ")
        kind = rng.choice(("operator", "rail", "operand", "drop", "input", "constant"))
        if kind == "operator" and (places := [each.start() for each in re.finditer("[&|]", body)]):
            place = rng.choice(places)
            body = body[:place] + ("|" if body[place] == "&" else "&") + body[place + 1 :]
        elif kind == "drop" and (spans := [each.span() for each in re.finditer(r" [&|] [tf]\d+", body)]):
            start, end = rng.choice(spans)
            body = body[:start] + body[end:]
        elif kind in ("rail", "operand") and (operands := list(re.finditer(r"([tf])(\d+)", body))):
            chosen = rng.choice(operands)
            rail, node = chosen[1], int(chosen[2])
            if kind == "rail":
                rail = "f" if rail == "t" else "t"
            else:
                node = rng.randrange(int(target.strip()[1:]))
            body = f"{body[: chosen.start()]}{rail}{node}{body[chosen.end() :]}"
        elif kind == "input" and (found := re.fullmatch(r"(known|denied)\[(\d+)\]", body)):
            last = max(int(each) for each in re.findall(r"known\[(\d+)\]", text))
            other = rng.choice(("known", "denied")), rng.randint(0, last)
            body = f"{other[0]}[{other[1]}]" if other != (found[1], int(found[2])) else body
        elif kind == "constant" and body in ("ones", "0"):
            body = "0" if body == "ones" else "ones"
        changed = f"{target} = {body}"
        if changed != line:
            return "\n".join([*lines[:number], changed, *lines[number + 1 :]])


def every_case() -> list[Case]:
    """List every case of the small pack: facts true, false or open; requested; ordered or open; in force or not."""
    names = ("red", "green", "blue", "grey")
    sets = [frozenset(), frozenset({"name"}), frozenset({"email"}), frozenset({"name", "email"})]
    days = [DAY.replace(day=30), DAY, DAY.replace(year=2021)]
    return [
        Case({name: value for name, value in zip(names, values, strict=True) if value is not None}, asked, order, on)
        for values in itertools.product((True, False, None), repeat=4)
        for asked in sets
        for order in [None, *sets]
        for on in days
    ]


def test_fifty_seeded_mutations_of_the_kernel_are_all_noticed() -> None:
    """A mutation that the random comparison misses has to be proved harmless on every case there is."""
    pack: Pack = parse(MUTATED)
    program = kernel_of(pack).program
    text = source_of(program)
    rng = random.Random(20080129)
    names = ("red", "green", "blue", "grey")
    cases = [random_case(rng, 0.25, names) for _ in range(400)]
    expected = [by_reference(pack, case) for case in cases]
    assert disagreements(pack, Kernel(program), cases, expected) == []
    everything = every_case()
    all_expected = [by_reference(pack, case) for case in everything]
    assert disagreements(pack, Kernel(program), everything, all_expected) == []

    noticed, harmless = 0, 0
    for seed in itertools.count():
        mutant = Kernel(program, mutate(text, random.Random(seed)))
        if disagreements(pack, mutant, cases, expected):
            noticed += 1
        else:
            assert disagreements(pack, mutant, everything, all_expected) == [], f"mutation {seed} went unnoticed"
            harmless += 1
        if noticed == 50:
            break
    assert harmless <= 25, "mutations of a lean kernel are rarely harmless"
