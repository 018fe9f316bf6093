"""The DynamoDB-compatible server: ministack, with every other service and all its reach beyond this machine switched off."""

from __future__ import annotations

import os
import sys
from typing import Final

from local.folder import Folder
from local.service import Service

REGION: Final = "us-east-1"
CREDENTIAL: Final = "local"
"""The server takes any; boto3 wants some."""
HEALTH: Final = b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def service(folder: Folder, port: int) -> Service:
    """Keeps its tables in DIR/dynamodb, where it writes them when it is stopped in good order, and only then."""
    environ = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE") if name in os.environ},
        "BIND_HOST": "127.0.0.1",  # its default is every interface
        "GATEWAY_PORT": str(port),
        "SERVICES": "dynamodb",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder.path / "dynamodb"),
        "TMPDIR": str(folder.path),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder.path}/no-docker.sock",  # it would look for containers of its own to remove
    }
    return Service("dynamodb", (sys.executable, "-m", "ministack"), environ, port, HEALTH, b" 200 ")


def variables(port: int) -> dict[str, str]:
    """What a client of it needs in its environment."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
    }
