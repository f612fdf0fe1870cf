"""The error that a user can mend: its message is one line with a way out."""


class UserError(Exception):
  """Something about files, folders, data or settings that a user can mend."""
