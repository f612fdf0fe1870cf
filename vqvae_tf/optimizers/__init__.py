"""What takes a step from gradients, and what it keeps beside the weights."""
