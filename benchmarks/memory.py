"""What a call needs in memory, on Linux with glibc."""

import gc
import resource
from collections.abc import Callable
from pathlib import Path

# With this environment what is freed goes back to the system. oneDNN's
# allocator in TensorFlow would keep it, and so would glibc, whose threshold
# for buffers with a map of their own grows unless it is set.
FREEING = {
  'TF_ONEDNN_USE_SYSTEM_ALLOCATOR': '1',
  'MALLOC_MMAP_THRESHOLD_': str(2**17),
}

_KILOBYTE = 1024
# Of the memory that is free when a peer starts. The rest is for the others.
_SHARE = 0.9


def refuse_to_swamp_the_machine() -> None:
  """Makes this process fail where it would take memory that is not there.

  Without it the kernel would choose what to end, after minutes of thrashing.
  """
  try:
    free = _KILOBYTE * _field('/proc/meminfo', 'MemAvailable')
    resource.setrlimit(resource.RLIMIT_DATA, [int(_SHARE * free)] * 2)
    Path('/proc/self/oom_score_adj').write_text('1000')
  except OSError:
    pass  # Not Linux.


def peak_mb(call: Callable[[], object]) -> float | None:
  """Makes a call and returns its peak memory beyond inputs and outputs.

  peak = max over the call of RSS(t) - RSS(after it), with what it returned
  (outputs, gradients) still held and what it freed given back to the system.
  What exists before and after is not counted: the inputs, the codebook, the
  libraries. Nor is a workspace that a library keeps for good.

  It takes a process with the environment `FREEING`: a call that is given
  memory of the call before would seem to need none.

  Args:
    call: returns what a caller would keep. It should have been called before,
      as the first call compiles.

  Returns:
    MB (10^6 bytes), to about 1 MB, as the kernel counts pages in batches;
    None where the system does not tell.
  """
  try:
    gc.collect()
    # 5 resets the peak, "VmHWM".
    Path('/proc/self/clear_refs').write_text('5')
  except OSError:
    return None
  outputs = call()
  peak = _field('/proc/self/status', 'VmHWM')
  gc.collect()
  kept = _field('/proc/self/status', 'VmRSS')
  del outputs
  return max(0, peak - kept) * _KILOBYTE / 1e6


def _field(path, name):
  """Reads a number, in kB, of a file of lines "name:   number kB"."""
  with open(path) as file:
    return next(int(line.split()[1]) for line in file if line.startswith(name))
