"""The error that a user can mend: its message is one line with a way out."""

import re


class UserError(Exception):
  """Something about files, folders, data or settings that a user can mend."""


def printable(text: str) -> str:
  """Returns text with control characters but line ends written as escapes.

  A name of a file or of a class may hold some that a terminal would obey.
  """
  return re.sub(
    r'[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]',
    lambda match: match[0].encode('unicode_escape').decode(),
    text,
  )
