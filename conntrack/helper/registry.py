"""Every application helper there is, by name.

Lives here: the list, from which the engine, the property tests and the fuzzers take their helpers, so that a new one is
attached and tested without being named anywhere else. May not live here: a protocol, or which rules name a helper.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.base import Helper
from conntrack.helper.ftp import Ftp
from conntrack.helper.irc import Irc
from conntrack.helper.pptp.helper import PptpHelper
from conntrack.helper.rtsp.helper import RtspHelper
from conntrack.helper.sip.helper import SipHelper
from conntrack.helper.tftp import Tftp

HELPERS: Final[list[Helper]] = [Ftp(), Irc(), PptpHelper(), RtspHelper(), SipHelper(), Tftp()]


def by_name() -> dict[str, Helper]:
    """Helper.name() → helper."""
    return {helper.name(): helper for helper in HELPERS}
