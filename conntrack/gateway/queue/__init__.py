"""Packets from the kernel (NFQUEUE) and verdicts back: one interface, two backends."""
