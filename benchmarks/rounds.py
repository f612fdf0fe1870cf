"""Peers timed in turn, each in a process of its own where it needs one.

A shared machine drifts. So every peer runs a short round in turn, over and
over, and what counts is the median of the ratios within a round.
"""

import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import memory

# torch.compile compiles in the second call too.
_WARM_UP_CALLS = 2
# What each of them may take beyond the limit.
_COMPILE_SECONDS = 120
# An error with one of these words in it is one of memory.
_MEMORY_WORDS = ('OOM', 'memory', 'alloc')


def serve(prepare: Callable[[], Callable[[], object]]) -> None:
  """The peer's side: prepares, warms up, then does what it is asked.

  Args:
    prepare: returns the work, a function whose result is what a caller would
      keep. An attribute `note` of it is printed with the peer.
  """
  # A library that prints must not answer for the peer.
  answers = os.fdopen(os.dup(1), 'w')
  os.dup2(2, 1)

  def answer(**fields):
    print(json.dumps(fields), file=answers, flush=True)

  memory.refuse_to_swamp_the_machine()
  try:
    work = prepare()
    answer(note=getattr(work, 'note', ''))
    for _ in range(_WARM_UP_CALLS):
      work()
      answer()
    for line in sys.stdin:
      calls = int(line)
      answer(result=_seconds(work, calls) if calls else memory.peak_mb(work))
  except Exception as error:
    answer(failure=_reason(error))


def _seconds(work, calls):
  begin = time.perf_counter()
  for _ in range(calls):
    work()
  return (time.perf_counter() - begin) / calls


def _reason(error):
  if isinstance(error, ModuleNotFoundError):
    return 'not installed'
  if isinstance(error, MemoryError) or any(
    word in str(error) for word in _MEMORY_WORDS
  ):
    return 'does not fit'
  return f'failed: {type(error).__name__}'


class Peer:
  """A process that serves rounds.

  Args:
    name: what to call it in the table.
    arguments: of the script that is running, so that it calls `serve`.
    limit_seconds: what a call may take; None for any time.
    environment: variables to set beside this process's own.
  """

  def __init__(
    self,
    name: str,
    arguments: list[str],
    limit_seconds: float | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
  ):
    self.name = name
    self.note = ''
    self.works = True
    self.seconds = []
    self._calls = 1
    self._limit = limit_seconds
    self._process = subprocess.Popen(
      [sys.executable, sys.argv[0], *arguments],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      env={**os.environ, **environment},
      text=True,
    )
    prepared = self._answer()
    if self.works:
      self.note = prepared['note']
    for _ in range(_WARM_UP_CALLS):
      self._answer(limit_seconds and limit_seconds + _COMPILE_SECONDS)

  def set_round(self, seconds: float) -> float:
    """Chooses the calls of a round, one at least; returns its seconds."""
    one_call = self._ask(1, self._limit)
    if not self.works:
      return 0.0
    self._calls = max(1, round(seconds / one_call))
    return self._calls * one_call

  def peak_mb(self) -> float | None:
    """Returns the peak memory of a call, see `memory.peak_mb`."""
    return self._ask(0)

  def round(self) -> None:
    """Times one round; a peer that died is left out from then on."""
    seconds = self._ask(self._calls)
    if self.works:
      self.seconds.append(seconds)

  def close(self) -> None:
    """Ends the process."""
    self._process.kill()
    self._process.wait()

  def _ask(self, calls, limit=None):
    try:
      self._process.stdin.write(f'{calls}\n')
      self._process.stdin.flush()
    except BrokenPipeError:
      pass  # It died while it waited; reading tells how.
    return self._answer(limit).get('result')

  def _answer(self, limit=None):
    """Returns the next answer; without one in time the peer is out."""
    if not self.works:
      return {}
    timer = threading.Timer(limit, self._process.kill)
    timer.daemon = True
    begin = time.monotonic()
    timer.start()
    line = self._process.stdout.readline()
    timer.cancel()
    if line:
      answer = json.loads(line)
    elif limit and time.monotonic() - begin >= limit:
      answer = {'failure': f'over {self._limit:g} s'}
    else:
      answer = {'failure': _cause_of_death(self._process.wait())}
    if 'failure' in answer:
      self.works = False
      self.note = answer['failure']
      self.close()
    return answer


def _cause_of_death(code):
  # How the kernel and an allocator that gives up end a process.
  if code in (-signal.SIGKILL, -signal.SIGABRT):
    return 'does not fit'
  return f'died with {code}'


class Local:
  """A peer in this process, for what needs no process of its own.

  Args:
    name: what to call it in the table.
    work: a function whose result is what a caller would keep.
  """

  note, works = '', True

  def __init__(self, name: str, work: Callable[[], object]):
    self.name = name
    self.seconds = []
    self._work = work
    self._calls = 1
    for _ in range(_WARM_UP_CALLS):
      work()

  def set_round(self, seconds: float) -> float:
    """Chooses the calls of a round, one at least; returns its seconds."""
    one_call = _seconds(self._work, 1)
    self._calls = max(1, round(seconds / one_call))
    return self._calls * one_call

  def round(self) -> None:
    """Times one round."""
    self.seconds.append(_seconds(self._work, self._calls))

  def close(self) -> None:
    """Does nothing."""


def compare(peers: list[Peer | Local], rounds: int) -> list[dict]:
  """Runs all peers in turn and compares each with the first.

  Returns:
    A row per peer: its median seconds per call, the median over the rounds of
    (its seconds / the first peer's), and a note. None stands for what could
    not be measured; the note says why.
  """
  for _ in range(rounds):
    for peer in peers:
      peer.round()
  rows = []
  first = peers[0]
  for peer in peers:
    peer.close()
    row = {'peer': peer.name, 'seconds': None, 'ratio': None}
    if peer.works:
      row['seconds'] = statistics.median(peer.seconds)
    if peer.works and first.works:
      both = zip(first.seconds, peer.seconds, strict=True)
      row['ratio'] = statistics.median(b / a for a, b in both)
    rows.append({**row, 'note': peer.note})
  return rows


def read_csv(path: str | Path) -> list[dict[str, str]]:
  """Returns the rows of a table; none where there is no file."""
  if not Path(path).exists():
    return []
  with open(path, newline='') as file:
    return list(csv.DictReader(file))


def write_csv(path: str | Path, rows: list[dict]) -> None:
  """Writes rows with the same keys."""
  Path(path).parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'w', newline='') as file:
    writer = csv.DictWriter(file, rows[0].keys(), lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
