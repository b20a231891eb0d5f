"""push.py HOST:PORT push|add|delete"""
import sys

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client import delete_from_gateway, push_to_gateway, pushadd_to_gateway

gateway, action = sys.argv[1:]
key = {"instance": "host/1", "zone": ""}
registry = CollectorRegistry()

if action == "push":
    Gauge("client_temperature_celsius", "A gauge.", ["room"], registry=registry).labels("größer \"quoted\"\n").set(21.5)
    Counter("client_runs", "A counter.", registry=registry).inc(3)
    histogram = Histogram("client_seconds", "A histogram.", buckets=(0.1, 1), registry=registry)
    histogram.observe(0.05)
    histogram.observe(5)
    Summary("client_bytes", "A summary.", registry=registry).observe(100)
    push_to_gateway(gateway, job="nightly", registry=registry, grouping_key=key)
elif action == "add":
    Gauge("client_added", "Another gauge.", registry=registry).set(2)
    pushadd_to_gateway(gateway, job="nightly", registry=registry, grouping_key=key)
else:
    delete_from_gateway(gateway, job="nightly", grouping_key=key)
