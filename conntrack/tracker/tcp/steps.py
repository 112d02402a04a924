"""How the parts of the TCP machine tell each other what comes next: one number, so that nothing is allocated.

Lives here: the encoding. May not live here: anything else.

A step below SURE is the state to move to, provided that the window agrees; from SURE on (SURE + state) the window
is not asked; from DONE on (DONE + judgement of tracker/base.py or reason) the packet is judged and nothing moves.
"""

from typing import Final

SURE: Final = 16
DONE: Final = 256
