"""The lab: simulated hosts behind the real wire protocol; an island, a process of its own."""
