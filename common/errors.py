"""The base of every error that a person or a client is told about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """What is wrong with one field. `path` is a JSON pointer into what was sent, "" for the whole."""

    path: str
    code: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        return {"path": self.path, "code": self.code, "detail": self.detail}


class ProductError(Exception):
    """Refused, nothing changed. `detail` is a sentence that says what to do; `errors` names the fields.

    Subclasses live in the module that raises them and set `code` (stable) and `status` (HTTP).
    """

    code: ClassVar[str] = "invalid"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []


class ConflictError(ProductError):
    """Somebody else changed it meanwhile, or its state does not allow it."""

    code = "conflict"
    status = 409


class NotAllowedError(ProductError):
    code = "permission_denied"
    status = 403


class InvalidError(ProductError):
    """What was entered cannot be accepted; `errors` says which field, why and what to do."""

    @classmethod
    def at(cls, path: str, detail: str, code: str = "invalid") -> Self:
        """One field is wrong. `path` is a JSON pointer such as "/name"."""
        return cls(detail, [FieldError(path=path, code=code, detail=detail)])
