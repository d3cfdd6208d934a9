from __future__ import annotations

from datetime import UTC, datetime

import pytest

from destinations.connectors.amazon_s3.signing import Keys, quoted_path, signed
from destinations.kit.http import Request

# The examples that Amazon publishes: "Authenticating requests: using the Authorization header".
KEYS = Keys(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "https://examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("request_", "names", "signature"),
    [
        (
            Request(method="GET", url=f"{HOST}/test.txt", headers={"Range": "bytes=0-9"}),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Request(
                method="PUT",
                url=f"{HOST}/{quoted_path('test$file.text')}",
                headers={"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
                body=b"Welcome to Amazon S3.",
            ),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Request(method="GET", url=f"{HOST}/?lifecycle"),
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Request(method="GET", url=f"{HOST}/?max-keys=2&prefix=J"),
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_published_examples_are_signed(request_: Request, names: str, signature: str) -> None:
    found = signed(request_, KEYS, region="us-east-1", service="s3", now=NOW)

    assert found.headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={names},Signature={signature}"
    )


def test_temporary_keys_carry_their_session() -> None:
    keys = Keys(access_key_id="A", secret_access_key="S", session="tok")

    found = signed(Request(method="GET", url=HOST), keys, region="us-east-1", service="s3", now=NOW)

    assert found.headers["x-amz-security-token"] == "tok"
    assert "x-amz-security-token" in found.headers["Authorization"]
