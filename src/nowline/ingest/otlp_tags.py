"""Which attributes of OTLP become tags, and as what text.

Of a data point all do. Of its resource those do that tell sources apart and that people look for;
a whole resource is dozens of attributes that never change. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from nowline.ingest import otlp_messages as shape
from nowline.ingest.rules import MOST_TAGS

# What Prometheus' documentation recommends to keep of a resource (`promote_resource_attributes`),
# and the machine. Where there are too many tags the last ones are left out.
RESOURCE_TAGS = (
    "service.name",
    "service.namespace",
    "service.instance.id",
    "service.version",
    "deployment.environment",
    "deployment.environment.name",
    "host.name",
    "k8s.pod.name",
    "k8s.namespace.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.replicaset.name",
    "k8s.job.name",
    "k8s.cronjob.name",
    "container.name",
    "cloud.region",
    "cloud.availability_zone",
)
# Tells the processes of a service apart that say nothing better of themselves.
_INSTANCE, _PROCESS = "service.instance.id", "process.pid"


class Form(Protocol):
    """How the form in which a request was sent tells what is there."""

    def has(self, message: object, field: str) -> bool:
        """Whether an optional field is there."""
        ...

    def plain(self, value: shape.AnyValue) -> object:
        """The value of an attribute; None where it has none."""
        ...


def source_tags(resource: shape.Resource, scope: shape.Scope, form: Form) -> dict[str, str]:
    """The tags of everything that one library measured of one resource."""
    told = attributes(resource.attributes, form)
    tags = {key: told[key] for key in RESOURCE_TAGS if key in told}
    if _INSTANCE not in tags and _PROCESS in told:
        tags[_PROCESS] = told[_PROCESS]
    of_scope = {"otel.scope.name": scope.name, "otel.scope.version": scope.version}
    return tags | {key: value for key, value in of_scope.items() if value}


def point_tags(of_source: dict[str, str], of_point: dict[str, str]) -> dict[str, str]:
    """All tags of a data point: its own go before those of its source."""
    tags = of_source | of_point
    if len(tags) <= MOST_TAGS:
        return tags
    room = max(MOST_TAGS - len(of_point), 0)
    kept = [key for key in of_source if key not in of_point][:room]
    return {key: of_source[key] for key in kept} | of_point


def attributes(pairs: Iterable[shape.KeyValue], form: Form) -> dict[str, str]:
    """Attributes as text; one without a value, or with an empty one, is not there."""
    texts = {pair.key: pair.value.string_value or _text(form.plain(pair.value)) for pair in pairs}
    return {key: text for key, text in texts.items() if text}


def _text(value: object) -> str:
    """As the specification has it: numbers, lists and maps as JSON has them."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
