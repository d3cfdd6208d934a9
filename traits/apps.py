from __future__ import annotations

from django.apps import AppConfig


class TraitsConfig(AppConfig):
    name = "traits"

    def ready(self) -> None:
        """Offer computed traits wherever a call can carry traits (F022)."""
        from profiles.masking import hide_traits  # noqa: PLC0415 - models are not loaded before
        from traits.selectors.masking import hidden_columns  # noqa: PLC0415
        from traits.selectors.options import offer  # noqa: PLC0415
        from traits.services import predict_runs, sql_runs  # noqa: PLC0415

        offer()
        hide_traits(hidden_columns)
        predict_runs.offer()
        sql_runs.offer()
