"""Rules by file or by name: those that come with spendgate, alone or one file behind another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spendgate.allocate.load import load_rules
from spendgate.allocate.model import Driver, RuleSet
from spendgate.errors import InputError, did_you_mean
from spendgate.shipped import policies_dir


def shipped_rules() -> dict[str, Path]:
    """The files of rules that come with spendgate, by name."""
    folder = policies_dir() / "allocation"
    return {path.stem: path for path in sorted(folder.glob("*.yaml")) if not path.name.endswith(".test.yaml")}


def find_rules(words: Sequence[str | Path]) -> tuple[RuleSet, Path]:
    """The rules that the words name (files, or names of shipped ones), and the file of the first.

    Several are one set: their rules stand in the order of the words. Raises InputError for a name that nothing has, and
    for files that do not go together.
    """
    paths = [_path(str(word)) for word in words]
    sets = [load_rules(path) for path in paths]
    if len(sets) == 1:
        return sets[0], paths[0]
    first = sets[0]
    drivers: dict[str, Driver] = {}
    for path, one in zip(paths, sets, strict=True):
        if one.amount is not first.amount:
            raise InputError(
                f"{one.name} allocates {one.amount} cost, {first.name} {first.amount}",
                place=one.place,
                remedy="Rules that stand together allocate the same cost: copy one, and change its cost.",
            )
        for name, driver in one.drivers.items():
            if name in drivers:
                raise InputError(
                    f'the driver "{name}" is described twice; the first stands at {drivers[name].place}',
                    place=driver.place,
                )
            # Its table lies beside its own rules, not beside the first ones.
            drivers[name] = replace(driver, file=driver.file and str((path.parent / driver.file).resolve()))
    rules = tuple(rule for one in sets for rule in one.rules)
    seen = {rule.name: rule for rule in reversed(rules)}
    for rule in rules:
        if seen[rule.name] is not rule:
            raise InputError(
                f'two rules are named "{rule.name}"; the first stands at {seen[rule.name].place}', place=rule.place
            )
    fields = dict.fromkeys(field for one in sets for field in one.aliases)
    aliases = {
        field: {other: name for one in reversed(sets) for other, name in one.aliases.get(field, {}).items()}
        for field in fields
    }
    drivers = {name: replace(driver, aliases=aliases) for name, driver in drivers.items()}
    return RuleSet("+".join(one.name for one in sets), first.amount, rules, drivers, aliases, first.place), paths[0]


def _path(word: str) -> Path:
    path = Path(word)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    known = shipped_rules()
    if word not in known:
        remedy = (
            did_you_mean(word, known) or f"Shipped are {', '.join(known)}; a file of your own is named by its path."
        )
        raise InputError(f'no rules "{word}"', remedy=remedy)
    return known[word]
