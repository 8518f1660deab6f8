"""spendgate: cost guardrails for GPU infrastructure, written once and enforced where infrastructure is declared."""

__version__ = "0.1.0"
