"""A link of the daemon's own, by which packets enter the host that the queue cannot carry back (NAT64)."""
