"""An accelerator by its name, with its memory and a count: ``H100x8``, ``A100-80GB``, ``T4 x 0.5``."""

from __future__ import annotations

import re
from fractions import Fraction

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.naming import nearest

_ASKED = re.compile(r"(?P<model>.+?)(?:[-_ ](?P<memory>\d+)\s*(?:G|GB|GiB))?(?:x(?P<count>\d+(?:[./]\d+)?))?", re.I)


def parse_asked(asked: str, catalogue: Catalogue) -> tuple[str, tuple[str, ...], float]:
    """Model, memory sizes (as the table writes them) and count. Raises InputError for what the catalogue lacks."""
    found = _ASKED.fullmatch(asked.strip())
    known: dict[str, str] = {}
    sizes: dict[str, list[str]] = {}
    for model, memory in catalogue.store.accelerators():
        known[_plain(model)] = model
        sizes.setdefault(model, []).append(memory)
    if found is None or _plain(found["model"]) not in known:
        near = nearest(_plain(found["model"]), known) if found else None
        remedy = f'did you mean "{known[near]}"?' if near else "Ask for a model and a count, such as H100x8."
        raise InputError(f'no accelerator "{found["model"] if found else asked}" in the catalogue', remedy=remedy)
    model, memory = known[_plain(found["model"])], found["memory"]
    if memory is not None and memory not in sizes[model]:
        remedy = f"It has {' or '.join(size or 'no stated' for size in sizes[model])} GiB."
        raise InputError(f"no {model} with {memory} GiB in the catalogue", remedy=remedy)
    try:
        count = float(Fraction(found["count"] or 1))
    except ZeroDivisionError:
        count = 0.0
    if count <= 0:
        raise InputError(f"a count of accelerators is above zero, not {found['count']}")
    return model, (memory,) if memory else tuple(sizes[model]), count


def _plain(model: str) -> str:
    return re.sub(r"[\s_-]", "", model).lower()
