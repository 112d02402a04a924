"""What the engine answers, and how a packet mark carries it to the rest of the host.

Lives here: the numbers and bits. May not live here: who sets them (path.py) or who obeys them (gateway/hooks).
"""

from typing import Final

# netfilter hooks (enum nf_inet_hooks)
PREROUTING: Final = 0
INPUT: Final = 1
FORWARD: Final = 2
OUTPUT: Final = 3

# verdicts (NF_DROP, NF_ACCEPT)
DROP: Final = 0
ACCEPT: Final = 1
#: not for the kernel: the queue keeps the packet, and asks again (engine/holding.py)
HOLD: Final = 2

#: judged in PREROUTING: FORWARD does not queue the packet again
DONE: Final = 0x8000_0000
#: hairpin: the destination is rewritten, the source must still be, so FORWARD queues the packet again
HALF: Final = 0x4000_0000
#: rejected: passes the queue, and the host's own REJECT rules answer the sender (needs no raw socket)
REJECT_MASK: Final = 0x3000_0000
REJECT_RESET: Final = 0x1000_0000  # TCP reset
REJECT_PORT: Final = 0x2000_0000  # ICMP 3/3, ICMPv6 1/4
REJECT_PROHIBITED: Final = 0x3000_0000  # ICMP 3/13, ICMPv6 1/1
#: the bits that rules may set with `mark:`
USER_MASK: Final = 0x0FFF_FFFF
