"""From names in any script to keys and slugs in plain Latin letters."""

from __future__ import annotations

import re

from anyascii import anyascii


def snake_case(name: str) -> str:
    """`Last Product Viewed Item` -> `last_product_viewed_item` (engage-domain.md §3.2); "" when nothing is left.

    Letters of other scripts are transliterated first (design.md §10): `Новые клиенты` -> `novye_klienty`.
    """
    return re.sub(r"[^a-z0-9]+", "_", anyascii(name).lower()).strip("_")
