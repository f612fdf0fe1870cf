"""Peers timed in turn, each in a process of its own.

A shared machine drifts. So every peer runs a short round in turn, over and
over, and what counts is the median of the ratios within a round.
"""

import csv
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_READY = 'ready'


def serve(prepare: Callable[[], Callable[[], None]]) -> None:
  """The peer's side: prepares once, then times a call for every line read."""
  work = prepare()
  work()
  print(_READY, flush=True)
  for _ in sys.stdin:
    begin = time.perf_counter()
    work()
    print(time.perf_counter() - begin, flush=True)


class Peer:
  """A process that serves rounds.

  Args:
    name: what to call it in the table.
    arguments: of the script that is running, so that it calls `serve`.
  """

  def __init__(self, name: str, arguments: list[str]):
    self.name = name
    self.seconds = []
    self._process = subprocess.Popen(
      [sys.executable, sys.argv[0], *arguments],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      text=True,
    )
    self.works = self._answer(_READY) == _READY

  def round(self) -> None:
    """Times one round; a peer that died is left out from then on."""
    if not self.works:
      return
    self._process.stdin.write('go\n')
    self._process.stdin.flush()
    answer = self._answer('')
    self.works = bool(answer)
    if answer:
      self.seconds.append(float(answer))

  def close(self) -> None:
    """Ends the process."""
    self._process.kill()
    self._process.wait()

  def _answer(self, last: str) -> str:
    for line in self._process.stdout:
      line = line.strip()
      if not last or line == last:
        return line
    return ''


def compare(peers: list[Peer], rounds: int) -> list[dict]:
  """Runs all peers in turn and compares each with the first.

  Returns:
    A row per peer: its median seconds per round, and the median over the
    rounds of (its seconds / the first peer's).
  """
  for _ in range(rounds):
    for peer in peers:
      peer.round()
  for peer in peers:
    peer.close()
  first = peers[0].seconds
  rows = []
  for peer in peers:
    if not peer.works:
      rows.append({'peer': peer.name, 'seconds': None, 'ratio': None})
      continue
    ratios = [b / a for a, b in zip(first, peer.seconds, strict=True)]
    rows.append(
      {
        'peer': peer.name,
        'seconds': statistics.median(peer.seconds),
        'ratio': statistics.median(ratios),
      }
    )
  return rows


def write_csv(path: str | Path, rows: list[dict]) -> None:
  """Writes rows with the same keys."""
  Path(path).parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'w', newline='') as file:
    writer = csv.DictWriter(file, rows[0].keys(), lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
