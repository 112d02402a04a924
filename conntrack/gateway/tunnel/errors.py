"""What can go wrong with the daemon's own link.

Lives here: the one exception. May not live here: who raises it.
"""


class TunnelError(OSError):
    """The link cannot be made or set up; the text names the cause and the remedy."""
