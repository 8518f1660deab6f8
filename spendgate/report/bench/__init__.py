"""How tests of guardrails went: one renderer a file, each ``render(report) -> str``."""
