"""Where vendors lead people back to after they connected an account."""

from __future__ import annotations

from django.urls import path

from destinations.views import consent

urlpatterns = [path("oauth/callback/", consent.account_connected, name="destination_consent")]
