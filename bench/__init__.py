"""Measurements of the real product: each script is one question and runs alone."""
