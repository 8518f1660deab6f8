"""Budgets held against bills: what was spent, where the month will end, what is unusual, and what growth would cost."""
