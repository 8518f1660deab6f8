"""From workload facts and the catalogue to cost lines."""

from spendgate.estimate.estimator import cost_of, estimate

__all__ = ["cost_of", "estimate"]
