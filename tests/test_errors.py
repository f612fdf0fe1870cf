from vqvae_tf.errors import printable


def test_what_a_terminal_would_obey_is_written_out():
  # An escape, a bell, an end of line that is none, and right to left.
  assert printable('a\x1b[2Jb\x07\r\u2028\u202ec') == (
    r'a\x1b[2Jb\x07\r\u2028\u202ec'
  )


def test_lines_and_letters_stay():
  assert printable('Löwe\n猫 — 1') == 'Löwe\n猫 — 1'
