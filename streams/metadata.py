"""Kafka's metadata request in a version that has topic ids; aiokafka 0.14 knows versions up to 5 only."""

from __future__ import annotations

import uuid
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields


class Uuid:
    """The wire's topic id: 16 bytes."""

    @staticmethod
    def encode(value: uuid.UUID) -> bytes:
        """To the wire."""
        return value.bytes

    @staticmethod
    def decode(data: Any) -> uuid.UUID:
        """From the wire."""
        return uuid.UUID(bytes=bytes(data.read(16)))

    @staticmethod
    def repr(value: uuid.UUID) -> str:
        """For people."""
        return str(value)


class MetadataResponse_v12(Response):  # type: ignore[misc]
    """Cluster metadata, in the version that has topic ids; aiokafka 0.14 knows up to 5."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32), ("rack", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class MetadataRequest_v12(RequestStruct):  # type: ignore[misc]
    """Asks for all topics; never makes one."""

    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = MetadataResponse_v12
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class MetadataWithIds(Request[MetadataRequest_v12]):  # type: ignore[misc]
    """The request as the client sends it."""

    API_KEY = 3

    def build(self, request_struct_class: type[MetadataRequest_v12]) -> MetadataRequest_v12:
        """All topics."""
        return request_struct_class(None, False, False, {})
