"""Bodies of tracking requests: inflated under a cap, checked for shape, packed for the inbound log, split again."""

from __future__ import annotations

import threading
import zlib
from typing import Any

import msgspec
import zstandard

from engine.events import repair_json
from ingest.models import InboundBatch

LONGEST_BATCH = 500 * 1024
LONGEST_CALL = 32 * 1024
MOST_ITEMS = 2_500
_COMPRESS_FROM = 1024

PLAIN = InboundBatch.Encoding.PLAIN.value
GZIP = InboundBatch.Encoding.GZIP.value
ZSTD = InboundBatch.Encoding.ZSTD.value


class BadBodyError(Exception):
    """The request is answered 400 with this code and sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Head(msgspec.Struct, rename="camel", gc=False):
    """What the shape check reads; everything else is only checked to be JSON."""

    write_key: Any = None
    batch: msgspec.Raw = msgspec.Raw(b"")


class Envelope(msgspec.Struct, rename="camel", gc=False):
    """The outer fields of a batch request; `batch` is None when it is no list."""

    batch: list[msgspec.Raw] | None = None
    context: Any = None
    integrations: Any = None
    sent_at: Any = None


class _LooseEnvelope(msgspec.Struct, rename="camel", gc=False):
    batch: Any = None


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_loose = msgspec.json.Decoder(_LooseEnvelope).decode
_compressors = threading.local()


def inflate(body: bytes, limit: int) -> bytes:
    """The gunzipped body; BadBodyError when it is not gzip or grows beyond `limit` bytes."""
    unzipper = zlib.decompressobj(wbits=31)
    try:
        plain = unzipper.decompress(body, limit + 1)
    except zlib.error:
        raise BadBodyError("invalid_gzip", "Content-Encoding says gzip, but the body is not gzip.") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not unzipper.eof:
        raise BadBodyError("invalid_gzip", "The gzip body ends too early.")
    return plain


def too_large(limit: int) -> BadBodyError:
    return BadBodyError("too_large", f"The body is larger than {limit // 1024} KB; send less at a time.")


def check(body: bytes) -> tuple[str, bytes | None]:
    """The write key that the body names ("" if none), and a repaired body where the given one cannot be stored.

    BadBodyError when it is not a JSON object.
    """
    repaired = None
    try:
        if not body.isascii():
            body.decode()
        head = _decode_head(body)
    except msgspec.ValidationError:
        raise BadBodyError("invalid_json", "The body must be a JSON object.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        repaired = None if isinstance(error, UnicodeDecodeError) else repair_json(body)
        if repaired is None:
            raise BadBodyError("invalid_json", f"The body is not valid JSON: {_reason(error)}.") from None
        try:
            head = _decode_head(repaired)
        except msgspec.MsgspecError:
            raise BadBodyError("invalid_json", "The body must be a JSON object.") from None
    return (head.write_key if isinstance(head.write_key, str) else ""), repaired


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).removeprefix("JSON is malformed: ")


def pack(body: bytes, gzipped: bytes | None) -> tuple[int, bytes]:
    """(encoding, bytes) as they are stored: gzip as it came, else zstd level 1 where that pays."""
    if gzipped is not None:
        return GZIP, gzipped
    if len(body) < _COMPRESS_FROM:
        return PLAIN, body
    compressor = getattr(_compressors, "value", None)
    if compressor is None:
        compressor = _compressors.value = zstandard.ZstdCompressor(level=1)
    return ZSTD, compressor.compress(body)


def unpack(encoding: int, stored: bytes) -> bytes:
    if encoding == GZIP:
        return zlib.decompressobj(wbits=31).decompress(stored, LONGEST_BATCH + 1)
    if encoding == ZSTD:
        return zstandard.ZstdDecompressor().decompress(stored, max_output_size=4 * LONGEST_BATCH)
    return stored


def split(body: bytes) -> Envelope:
    """The items and outer fields of a batch request."""
    try:
        return _decode_envelope(body)
    except msgspec.ValidationError:
        pass
    loose = _decode_loose(body)
    rest = msgspec.json.decode(body)
    return Envelope(
        batch=[msgspec.Raw(msgspec.json.encode(item)) for item in loose.batch]
        if isinstance(loose.batch, list)
        else None,
        context=rest.get("context"),
        integrations=rest.get("integrations"),
        sent_at=rest.get("sentAt"),
    )
