"""From resources as declared to workload facts: what, where, how many, how long, independent of the cloud."""

from __future__ import annotations

from spendgate.facts.derive import facts_of
from spendgate.facts.hardware import InstanceCatalogue
from spendgate.facts.joins import NOT_THE_WHOLE_STACK
from spendgate.facts.table import Mappings, load_mappings

__all__ = ["NOT_THE_WHOLE_STACK", "InstanceCatalogue", "Mappings", "facts_of", "load_mappings"]
