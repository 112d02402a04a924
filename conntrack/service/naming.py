"""Names of states and zones, from the engine that knows them.

Lives here: joining views with an engine. May not live here: a view (views.py).
"""

from __future__ import annotations

from conntrack.engine.core import Engine
from conntrack.service.views import Flows


def naming(engine: Engine) -> Flows:
    """Views of this engine's connections, by the policy that is in force when they are made."""
    states = [tracker.states() for tracker in engine.trackers.by_number]

    def state_name(protocol: int, state: int) -> str:
        names = states[protocol]
        return names[state] if 0 <= state < len(names) else ""

    return Flows(state_name, lambda: [zone.name for zone in engine.policy.zones])
