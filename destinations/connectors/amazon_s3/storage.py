"""The bucket: its address, who may write there, and what S3 says when it refuses."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import quote

from destinations.connectors.amazon_s3.signing import Keys, quoted_path, signed
from destinations.kit import auth
from destinations.kit.definition import Context, Conversation, Token
from destinations.kit.errors import DeliveryError, IntegrationError, InvalidAuthenticationError
from destinations.kit.http import HttpError, Request, Response, checked_url

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]\Z")
_REGION = re.compile(r"[a-z0-9-]{2,32}\Z")
_CREDENTIALS = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"}
_SESSION = "Engage"


def put(context: Context, name: str, body: bytes, content_type: str) -> Request:
    """`PUT` an object of this name."""
    request = Request(
        method="PUT",
        url=f"{_bucket_url(context)}/{quoted_path(name)}",
        headers={"Content-Type": content_type},
        body=body,
        timeout=120,
    )
    return signed(request, _keys(context), region=_region(context), service="s3", now=_now(context))


def test_connection(context: Context) -> Conversation:
    """Look into the bucket, without reading what is there."""
    request = Request(method="GET", url=f"{_bucket_url(context)}/?list-type=2&max-keys=0")
    try:
        yield signed(request, _keys(context), region=_region(context), service="s3", now=_now(context))
    except HttpError as error:
        raise refusal(error) from error


def refusal(error: HttpError) -> DeliveryError:
    """What S3 said, as an error: refused keys renew the role's, or pause the destination."""
    code, message = said(error.response)
    if error.status == 401 or code in _CREDENTIALS:
        return InvalidAuthenticationError(f"S3 does not accept the keys: {message or code or error.message}")
    if not message:
        return error
    return IntegrationError(f"{message} ({code})", code=code or str(error.status), status=error.status)


def said(response: Response) -> tuple[str, str]:
    """Code and message of an answer such as `<Error><Code>AccessDenied</Code><Message>…`."""
    return _tag(response.text, "Code"), _tag(response.text, "Message")


def _assume_role(context: Context) -> Conversation:
    """Keys for an hour, by the role of the settings; without a role the keys of the settings do."""
    role = str(context.settings.get("iam_role_arn") or "")
    if not role:
        return Token(access_token=_own_keys(context).access_key_id)
    query = f"Action=AssumeRole&Version=2011-06-15&RoleSessionName={_SESSION}&RoleArn={quote(role, safe='')}"
    external = str(context.settings.get("iam_external_id") or "")
    if external:
        query += f"&ExternalId={quote(external, safe='')}"
    region = _region(context)
    request = Request(method="GET", url=f"https://sts.{region}.{_domain(region)}/?{query}")
    try:
        response = yield signed(request, _own_keys(context), region=region, service="sts", now=_now(context))
    except HttpError as error:
        if error.is_retried:
            raise
        raise InvalidAuthenticationError(
            f"AWS did not let us use the role: {said(error.response)[1] or error.message}"
        ) from error
    key, secret, session = (_tag(response.text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    if not key or not secret:
        raise InvalidAuthenticationError("AWS gave no keys for the role.")
    return Token(access_token=key, extra={"secret_access_key": secret, "session": session})


# The signature is made for each request; there is nothing that all of them carry.
SIGN_IN = auth.session(_assume_role, lambda _context: {})


def _keys(context: Context) -> Keys:
    if not context.settings.get("iam_role_arn"):
        return _own_keys(context)
    extra = context.token.extra
    return Keys(
        access_key_id=context.token.access_token,
        secret_access_key=extra.get("secret_access_key", ""),
        session=extra.get("session", ""),
    )


def _own_keys(context: Context) -> Keys:
    """The destination's own, else those of the installation."""
    found = [
        str(context.settings.get(name) or context.operator.get(name) or "")
        for name in ("access_key_id", "secret_access_key")
    ]
    if not all(found):
        raise InvalidAuthenticationError("Fill in an access key and its secret in the settings.")
    return Keys(access_key_id=found[0], secret_access_key=found[1])


def _bucket_url(context: Context) -> str:
    bucket, region = str(context.settings.get("s3_aws_bucket_name") or ""), _region(context)
    if not _BUCKET.match(bucket):
        raise IntegrationError(
            "The bucket name is not valid: 3 to 63 letters, digits, dots and hyphens.", code="INVALID_SETTINGS"
        )
    endpoint = str(context.settings.get("endpoint") or "").rstrip("/")
    if endpoint:
        return f"{checked_url(endpoint, 'The endpoint')}/{bucket}"
    host = f"s3.{region}.{_domain(region)}"
    # A certificate of Amazon's does not cover names with dots.
    return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"


def _region(context: Context) -> str:
    region = str(context.settings.get("s3_aws_region") or "")
    if not _REGION.match(region):
        raise IntegrationError("The region is not valid. It looks like eu-central-1.", code="INVALID_SETTINGS")
    return region


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _now(context: Context) -> datetime:
    if context.now is None:
        raise IntegrationError("A request to AWS cannot be signed without a time.", code="NO_TIME")
    return context.now


def _tag(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1].strip() if found else ""
