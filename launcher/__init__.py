"""Starts and stops the bundled PostgreSQL and Valkey and the processes of the product. Knows nothing of the product."""

from __future__ import annotations
