"""What can go wrong before there is a response, as a stable code and a sentence that says what to do."""

from __future__ import annotations

import errno

import pycurl


class TransportError(Exception):
    """No response. `code` is one of delivery-and-observability.md §2.3 and §3; `detail` is a sentence.

    `is_retryable` is False where trying again cannot help: an address or a URL that is not allowed.
    """

    def __init__(self, code: str, detail: str, *, is_retryable: bool = True) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.is_retryable = is_retryable


RESOLVE = {pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_RESOLVE_PROXY}
RESET = {pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_PARTIAL_FILE}
CERTIFICATE = {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CERTPROBLEM, pycurl.E_SSL_ISSUER_ERROR}
INVALID_URL = {pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL}


def _not_connected(os_error: int, host: str) -> tuple[str, str]:
    if os_error == errno.ECONNREFUSED:
        return "ECONNREFUSED", f"{host} refused the connection. Is the port right and the server up?"
    if os_error in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL}:
        return "EHOSTUNREACH", f"No route leads to {host}. Check the address and the network."
    if os_error == errno.ETIMEDOUT:
        return "ETIMEDOUT", f"{host} did not answer in time."
    return "ECONNREFUSED", f"The connection to {host} could not be made."


def from_curl(
    code: int, message: str, *, os_error: int, host: str, refused: list[str], timeout: float
) -> TransportError:
    """Translate a libcurl error. `refused` are the addresses our own guard turned away."""
    if refused and code in {pycurl.E_COULDNT_CONNECT, pycurl.E_ABORTED_BY_CALLBACK, pycurl.E_OPERATION_TIMEDOUT}:
        return TransportError(
            "EREFUSED",
            f"{host} resolves to {refused[0]}, which is not a public address. Deliveries go to public addresses only; "
            "the operator can allow others with ENGAGE_ALLOWED_NETWORKS.",
            is_retryable=False,
        )
    retryable = True
    if code in RESOLVE:
        name, detail = "ENOTFOUND", f"The name {host} was not found. Check the host name in the settings."
    elif code == pycurl.E_COULDNT_CONNECT:
        name, detail = _not_connected(os_error, host)
    elif code == pycurl.E_OPERATION_TIMEDOUT:
        name, detail = "ETIMEDOUT", f"{host} did not answer within {timeout:g} seconds."
    elif code in RESET:
        name, detail = "ECONNRESET", f"{host} closed the connection before it answered."
    elif code in CERTIFICATE:
        name, detail = "CERT_INVALID", f"The TLS certificate of {host} is not valid: {message}."
    elif code == pycurl.E_SSL_CONNECT_ERROR:
        name, detail = "TLS_ERROR", f"No TLS connection with {host}: {message}."
    elif code in INVALID_URL:
        name, detail = "INVALID_URL", "The URL is not valid. It must start with http:// or https://."
        retryable = False
    else:
        name, detail = "NETWORK_ERROR", f"The call to {host} failed: {message or f'libcurl error {code}'}."
    return TransportError(name, detail, is_retryable=retryable)
