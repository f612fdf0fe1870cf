"""The executables' mains: absl flags in, the library's functions called."""
