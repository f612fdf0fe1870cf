"""Whether a job is large enough for XLA to compile it first.

Decided by the size of the job alone, never by a clock: the same job of the same
seed is always done in the same way.
"""

# Measured on two cores: XLA takes 5 to 10 seconds for a loop. TensorFlow takes
# 0.6 milliseconds more for a step of a few examples than XLA does, and 8 ns
# more for each mass that a code is drawn by. Of many examples a step is as much
# work with XLA as without.
_COMPILE_SECONDS, _STEP_SECONDS, _MASS_SECONDS = 10.0, 0.6e-3, 8e-9
_FEW = 8


def saves_time(
  num_calls: int, num_steps: int, batch: int = 1, num_masses: int = 0
) -> bool:
  """Returns whether a loop takes less time with XLA, compilation included.

  Args:
    num_calls: how often it runs.
    num_steps: that it takes each time.
    batch: examples that it draws at once.
    num_masses: of which each step draws one of each example.
  """
  of_step = _STEP_SECONDS * min(1.0, _FEW / batch)
  of_step += _MASS_SECONDS * batch * num_masses
  return num_calls * num_steps * of_step > _COMPILE_SECONDS
