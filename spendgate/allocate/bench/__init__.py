"""Tests of allocation rules: ``cases`` reads them, ``run`` puts them through the allocation that bills go through."""
