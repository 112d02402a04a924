"""Links, addresses and routes of the host, followed live, as the engine's Topology."""
