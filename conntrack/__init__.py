"""Pairwall: a stateful firewall and NAT gateway that tracks every socket pair crossing it.

Imports run downward only: cli → service → gateway → engine → {policy, nat, helper, tracker} → flow → packet.
"""

__version__ = "0.1.0"
