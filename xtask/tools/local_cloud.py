"""Starts MiniStack with TCP_NODELAY on its Runtime API.

Its Runtime API writes an answer's head and body in two packets; with Nagle's algorithm each invocation waits 40 ms
for a delayed acknowledgement in between (57 ms instead of 11 ms a call).
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

from ministack.app import main  # noqa: E402 - after the patch

main()
