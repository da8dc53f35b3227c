"""What the house counts about its HTTP edge and its views, in a registry of its own that wiring hands in."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics", "ViewMetrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Commands by name and outcome, latency by route (seconds), open streams, and how the views are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series; one registry belongs to one app."""
        self.commands = Counter(
            "shaoxiang_commands", "Commands by name and outcome.", ("command", "outcome"), registry=registry
        )
        self.seconds = Histogram(
            "shaoxiang_http_request_seconds",
            "How long requests took, by method, route and status.",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=registry,
        )
        self.streams = Gauge("shaoxiang_open_streams", "Open streams of what changed.", registry=registry)


class ViewMetrics:
    """How the store and its views are, measured against the log itself when somebody asks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every series; one registry belongs to one process."""
        self.up = Gauge("shaoxiang_store_up", "Whether the store answered just now: 1 or 0.", registry=registry)
        self.log_position = Gauge(
            "shaoxiang_log_position", "The position of the last event in the log.", registry=registry
        )
        self.lag = Gauge("shaoxiang_view_lag_events", "How many events the views are behind.", registry=registry)
        self.parked = Gauge("shaoxiang_parked_cases", "How many cases the views have put aside.", registry=registry)
