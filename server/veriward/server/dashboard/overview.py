"""Puts together what `/v1/overview` tells of a gateway."""

import time
from importlib.metadata import version

from veriward.server.gateway import Gateway
from veriward.server.metrics import VerifierCounts, quantile
from veriward.wire import Isolation
from veriward.wire.overview import Overview, QueueNow, VerifierNow


def overview(gateway: Gateway) -> Overview:
    insight = gateway.insight
    insight.pulse.look()
    depth = gateway.depth()
    level = gateway.isolation.get("level")
    layers = gateway.isolation.get("layers")
    named = tuple(map(str, layers)) if isinstance(layers, list | tuple) else ()
    return Overview(
        time=round(time.time(), 3),
        started_at=round(insight.pulse.started_at, 3),
        version=version("veriward"),
        gateways=1 if gateway.shared is None else gateway.shared.gateways,
        draining=gateway.draining,
        isolation=None if level is None else Isolation(level=str(level), layers=named),
        requests_in_flight=gateway.in_flight,
        queue=QueueNow(
            waiting=depth.waiting,
            running=depth.running,
            oldest_seconds=round(depth.oldest_seconds, 3),
            workers=depth.workers,
        ),
        now=insight.pulse.now(),
        history=insight.pulse.history(),
        workers=sorted(gateway.workers(), key=lambda worker: worker.name),
        verifiers=[_verifier(name, counts) for name, counts in _busiest_first(gateway)],
        sources=insight.sources.told(),
        kills=dict(gateway.queue.kills) if gateway.queue is not None else {},
        cache_hits=gateway.cache.hits,
        cache_misses=gateway.cache.misses,
        rollouts_kept_seconds=gateway.settings.recent_seconds if gateway.settings.recent_bytes else 0.0,
    )


def _busiest_first(gateway: Gateway) -> list[tuple[str, VerifierCounts]]:
    return sorted(gateway.metrics.verifiers.items(), key=lambda pair: -sum(pair[1].statuses.values()))


def _verifier(name: str, counts: VerifierCounts) -> VerifierNow:
    return VerifierNow(
        name=name,
        statuses=dict(counts.statuses),
        queued_p95_seconds=quantile(counts.queued.counts, 0.95),
        graded_p50_seconds=quantile(counts.graded.counts, 0.5),
        graded_p95_seconds=quantile(counts.graded.counts, 0.95),
    )
