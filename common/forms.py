"""Forms of pages: what a service refuses is shown at its field."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django import forms

from common.errors import InvalidError, ProductError

T = TypeVar("T")


class ProductForm(forms.Form):
    """A form whose fields are named as the first step of the paths in the service's errors ("/name" -> name)."""

    def carry_out(self, action: Callable[[], T]) -> T | None:
        """The result of the service, or None after adding what it refused to the form. Other refusals pass through."""
        try:
            return action()
        except InvalidError as error:
            self.add_product_error(error)
            return None

    def add_product_error(self, error: ProductError) -> None:
        if not error.errors:
            self.add_error(None, error.detail)
        for problem in error.errors:
            field = problem.path.strip("/").partition("/")[0]
            self.add_error(field if field in self.fields else None, problem.detail)
