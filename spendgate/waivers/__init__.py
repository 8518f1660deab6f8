"""Waivers and approvals: who lets a finding pass, why, until when, and up to which sum."""
