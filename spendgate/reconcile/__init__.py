"""The estimate held against the bill: how far it was off, for which reason, and which usage would have been right.

``estimated`` and ``billed`` read both sides, ``matching`` brings resources together, ``pairing`` their lines,
``effects`` takes each difference apart exactly, ``proposals`` says what the usage file should have said.
"""
