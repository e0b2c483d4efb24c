"""Counts and times of an app, never words."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

log = logging.getLogger("chat")


class Metrics:
    """Counts and times, never words. Each app has its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._replies = Counter(
            "guide_replies", "Replies by kind and level of risk", ["kind", "level"], registry=self.registry
        )
        self._seconds = Histogram(
            "guide_reply_seconds",
            "Time from question to reply",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self._failures = Counter("guide_failures", "Replies that failed by a fault", registry=self.registry)

    def count(self, reply: Mapping[str, Any]) -> None:
        """Count one reply line."""
        self._replies.labels(reply["kind"], reply["risk"]["level"]).inc()
        self._seconds.observe(reply["latency_ms"] / 1000)

    def watch_windows(self, count: Callable[[], int]) -> None:
        """Tell with each look how many windows' last words are in memory; `count` says it."""
        gauge = Gauge(
            "guide_windows_remembered", "Windows whose last words are in memory", registry=self.registry
        )
        gauge.set_function(count)

    def count_failure(self, error: Exception) -> None:
        """Count a fault, and log where it was. Its message may quote a person, so only its kind is told."""
        self._failures.inc()
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("A reply failed: %s at\n%s", type(error).__name__, frames)
