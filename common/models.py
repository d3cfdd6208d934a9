"""Base models. No tables, no business words."""

from __future__ import annotations

from typing import Self

from django.db import models


class SpaceQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Every read of a page or the API starts with `in_space`."""

    def in_space(self, space: models.Model) -> Self:
        return self.filter(space_id=space.pk)


class TimeStamped(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
