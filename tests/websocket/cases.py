"""`kosoku`, whose cases of compression expect a text that comes back as bytes, and get a `str`."""

import sys

import kosoku.cases  # noqa: F401  (which makes the next import possible)
from case12_x_x import Case12_X_X, Case13_X_X
from kosoku._cli import main


def in_bytes(on_message):
    def on_text(self, message, binary):
        if isinstance(message, str):
            message = message.encode("latin-1" if binary else "utf-8")
        on_message(self, message, binary)

    return on_text


for case in Case12_X_X + Case13_X_X:
    case.onMessage = in_bytes(case.onMessage)
sys.exit(main())
