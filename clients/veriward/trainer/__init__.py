"""A trainer to read in an evening: rollouts from an engine, rewards from a server, one update at a time."""
