"""Averages over a data set."""
