"""The second stage: a prior over the codes of a model."""
