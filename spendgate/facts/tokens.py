"""Type tokens as the mapping tables write them: a type that a package offers in many API versions has one row."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

# azure-native:compute/v20240301:VirtualMachine; since version 3, with an SDK that was generated for one API version,
# azure-native_compute_v20240301:compute:VirtualMachine.
_AZURE: Final = re.compile(r"azure-native(?:_\w+)?:(\w+)(?:/\w+)?:(\w+)")

# pulumi-azure-native 3.29 lists the old tokens as aliases.
_MOVED: Final[Mapping[str, str]] = {
    "azure-native:insights:AutoscaleSetting": "azure-native:monitor:AutoscaleSetting",
}


@functools.lru_cache(maxsize=4096)
def unversioned(token: str) -> str:
    """The token of a type without its API version; any other token as it is."""
    found = _AZURE.fullmatch(token)
    if found is None:
        return token
    plain = f"azure-native:{found[1]}:{found[2]}"
    return _MOVED.get(plain, plain)
