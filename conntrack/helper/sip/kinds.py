"""The classes of connections that SIP foresees, how many of each may wait, and for how long.

Lives here: the numbers. May not live here: what asks for them.
"""

from __future__ import annotations

from typing import Final

MEDIA: Final = 0
SIGNALLING: Final = 1

#: waiting at a time for one signalling connection: a trunk sets up several calls at once, four ports each
MOST_MEDIA: Final = 64
MOST_SIGNALLING: Final = 8

#: seconds that media may take to begin (kernel: 3 minutes)
MEDIA_SECONDS: Final = 180.0
#: seconds that a REGISTER waits for its answer (RFC 3261 §17.1.2.2: timer F), and what it asks for without a number
ANSWER_SECONDS: Final = 32.0
REGISTRATION_SECONDS: Final = 3600
#: seconds that a registration counts at most, whatever is agreed on
LONGEST_REGISTRATION: Final = 86400

#: seconds that a signalling connection may be silent while it has calls (kernel: sip_timeout)
DIALOG_SECONDS: Final = 3600.0

#: calls and registered contacts that one conversation remembers
MOST_CALLS: Final = 256
MOST_CONTACTS: Final = 16
#: a Call-ID longer than this belongs to no call that we follow
LONGEST_CALL: Final = 256

#: SIP's port where a URI or a Via names none
DEFAULT_PORT: Final = 5060
