"""The messages of Prometheus remote write 1.0, as far apart as they have to be taken.

The schema is that of Prometheus' `prompb`, except that a message inside another is declared as
bytes, which is the same on the wire: what looks the same each time need not be taken apart again.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/, "Protocol".
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "nowline.remote_write"
_FIELDS: dict[str, tuple[tuple[str, int, int], ...]] = {
    "Request": (("timeseries", 1, _Field.TYPE_BYTES), ("metadata", 3, _Field.TYPE_BYTES)),
    "Series": (
        ("labels", 1, _Field.TYPE_BYTES),
        ("samples", 2, _Field.TYPE_BYTES),
        ("exemplars", 3, _Field.TYPE_BYTES),
        ("histograms", 4, _Field.TYPE_BYTES),
    ),
    "Label": (("name", 1, _Field.TYPE_BYTES), ("value", 2, _Field.TYPE_BYTES)),
    "Sample": (("value", 1, _Field.TYPE_DOUBLE), ("timestamp", 2, _Field.TYPE_INT64)),
    "Metadata": (
        ("type", 1, _Field.TYPE_INT32),
        ("metric_family_name", 2, _Field.TYPE_STRING),
        ("help", 4, _Field.TYPE_STRING),
        ("unit", 5, _Field.TYPE_STRING),
    ),
}
_HAS_MANY = {"Request", "Series"}


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="nowline/remote_write.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        label = _Field.LABEL_REPEATED if name in _HAS_MANY else _Field.LABEL_OPTIONAL
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            message.field.add(name=field, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _FIELDS
    }


_messages_by_name = _messages()
Request = _messages_by_name["Request"]
Series = _messages_by_name["Series"]
Label = _messages_by_name["Label"]
Sample = _messages_by_name["Sample"]
Metadata = _messages_by_name["Metadata"]
