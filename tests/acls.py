"""`python -m tests.acls BROKER …`: as Kafka's own kafka-acls.sh, as far as deploy/kafka-acls.sh uses it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, ResourcePatternType, ResourceType

KINDS: Final = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transactional_id": ResourceType.TRANSACTIONAL_ID}
OPERATIONS: Final = {
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}
PATTERNS: Final = {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}


def main(arguments: Sequence[str]) -> None:
    """Adds what is allowed; raises what the broker says."""
    made = argparse.ArgumentParser()
    made.add_argument("broker")
    made.add_argument("--add", action="store_true", required=True)
    made.add_argument("--allow-principal", required=True)
    made.add_argument("--operation", action="append", choices=OPERATIONS, required=True)
    made.add_argument("--resource-pattern-type", choices=PATTERNS, default="literal")
    resource = made.add_mutually_exclusive_group(required=True)
    for named in KINDS:
        resource.add_argument(f"--{named.replace('_', '-')}", dest=named)
    asked = made.parse_args(arguments)
    ((kind, name),) = [(KINDS[named], getattr(asked, named)) for named in KINDS if getattr(asked, named)]
    pattern, allow = PATTERNS[asked.resource_pattern_type], AclPermissionType.ALLOW
    bindings = [AclBinding(kind, name, pattern, asked.allow_principal, "*", OPERATIONS[one], allow) for one in asked.operation]
    client = AdminClient({"bootstrap.servers": asked.broker})
    for future in client.create_acls(bindings).values():
        future.result(10)


if __name__ == "__main__":
    main(sys.argv[1:])
