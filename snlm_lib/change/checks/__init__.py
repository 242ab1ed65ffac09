"""Preflight: pure checks, facts in, verdict, evidence and remedy out."""
