"""What an answer of AWS means, and what is said of it."""

from __future__ import annotations

import pytest
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, EndpointConnectionError, NoCredentialsError

from dynamodb.client import TABLE_MISSING_S, asking_error, writing_error
from dynamodb.errors import ItemRejected, StoreBusy, TableUnfit


def answered(code: str, message: str = "said so") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutItem")


@pytest.mark.parametrize(
    "error",
    [
        answered("AccessDeniedException", "User: arn:aws:iam::1:user/w is not authorized to perform: dynamodb:PutItem"),
        answered("UnrecognizedClientException", "The security token included in the request is invalid."),
        answered("ExpiredTokenException"),
        NoCredentialsError(),
        CredentialRetrievalError(provider="sso", error_msg="expired"),
    ],
    ids=repr,
)
def test_whoever_is_not_let_in_is_told_where_to_look(error: ClientError | BotoCoreError) -> None:
    """And waited for: a policy may be mended, a token renewed."""
    for meant in (writing_error(error, "hours"), asking_error(error)):
        assert type(meant) is StoreBusy
        assert str(meant).startswith(f"AWS does not let us: {error}; look at the credentials ")


@pytest.mark.parametrize(
    "error", [answered("ThrottlingException"), answered("InternalServerError"), EndpointConnectionError(endpoint_url="http://127.0.0.1:1")], ids=repr
)
def test_what_passes_by_itself_is_said_as_it_is(error: ClientError | BotoCoreError) -> None:
    assert (type(writing_error(error, "hours")), str(writing_error(error, "hours"))) == (StoreBusy, str(error))
    assert (type(asking_error(error)), str(asking_error(error))) == (StoreBusy, f"DynamoDB: {error}")


def test_a_table_that_is_missing_is_waited_for_by_a_writer_and_told_to_a_person() -> None:
    busy = writing_error(answered("ResourceNotFoundException"), "hours")
    assert isinstance(busy, StoreBusy) and busy.retry_after == TABLE_MISSING_S
    assert isinstance(asking_error(answered("ResourceNotFoundException"), "hours"), TableUnfit)


def test_an_item_that_cannot_be_stored_is_no_trouble_of_the_store() -> None:
    assert isinstance(writing_error(answered("ValidationException"), "hours"), ItemRejected)
