"""Answers to data sources (invokes): recorded ones first, then those built in as data."""

from spendgate.sources.invokes.answers import Answers, RecordedInvoke

__all__ = ["Answers", "RecordedInvoke"]
