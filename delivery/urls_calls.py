"""Messages, traces, dead letters and replays, under /s/<space>/."""

from __future__ import annotations

from django.urls import path

from delivery.views import calls, replays

urlpatterns = [
    path("delivery/calls/", calls.calls, name="calls"),
    path("delivery/calls/<int:call_id>/", calls.call, name="call"),
    path("delivery/calls/<int:call_id>/retry/", calls.call_retry, name="call_retry"),
    path("delivery/calls/<int:call_id>/cancel/", calls.call_cancel, name="call_cancel"),
    path("delivery/trace/", calls.trace, name="trace"),
    path("delivery/dead-letters/", replays.dead_letter_list, name="dead_letters"),
    path("delivery/replays/", replays.replay_list, name="replays"),
    path("delivery/replays/new/", replays.replay_new, name="replay_new"),
    path("delivery/replays/<slug:run_id>/", replays.replay, name="replay"),
    path("delivery/replays/<slug:run_id>/pause/", replays.replay_pause, name="replay_pause"),
    path("delivery/replays/<slug:run_id>/resume/", replays.replay_resume, name="replay_resume"),
    path("delivery/replays/<slug:run_id>/cancel/", replays.replay_cancel, name="replay_cancel"),
]
