"""Images that a model with a prior makes up, or completes."""
