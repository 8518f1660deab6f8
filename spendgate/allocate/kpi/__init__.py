"""Key figures from an allocated table and tables of usage: each with its formula, its unit and what it needs.

A figure whose inputs are missing says which; it is never a zero.
"""
