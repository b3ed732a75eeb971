"""The queue of a fleet, in Redis Streams: gateways here, workers there, nothing lost between them."""
