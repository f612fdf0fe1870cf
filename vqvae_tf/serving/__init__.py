"""Trained models, from a run or from an export."""
