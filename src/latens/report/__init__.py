"""Figures and pages, drawn from results and computing none."""
