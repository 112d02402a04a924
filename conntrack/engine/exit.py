"""The way out for packets that the queue cannot carry back: those of another IP version than they came with.

Lives here: the interface. May not live here: what takes the packets (gateway/tunnel), what makes them (across.py).
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Exit:
    """Where translated packets leave. Called from the packet loop: must return at once.

    A class and no trait: interpreted code (gateway/tunnel) derives from it, which compiled traits do not admit.
    """

    def send(self, raw: bytes) -> bool:
        """Takes one whole IP packet, which the host is to route; whether it could."""
        raise NotImplementedError
