"""Opens standard input, output and error for a program that was started without them."""

import os


def fill_standard_streams() -> None:
    """Open /dev/null for each of the descriptors 0, 1 and 2 that is closed.

    Call this before anything else is opened. Otherwise the next file or socket would get the number, and with it what
    libraries write to standard error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
