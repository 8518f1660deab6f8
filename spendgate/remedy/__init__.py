"""Remediation: what a guardrail's patch sets, applied to a resource and checked again. Pure."""
