"""The Celery application: queues by stage, the beat table, and nothing else."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage_admin.settings")

app = Celery("engage_admin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# The queue of every task, in one table: Celery is dropping queues named at the task.
app.conf.task_routes = {
    "ingest.regulate": {"queue": "default"},
    "ingest.*": {"queue": "ingest"},
    "audiences.*": {"queue": "compute"},
    "audiences.export": {"queue": "default"},
    "traits.run_queries": {"queue": "default"},
    "traits.*": {"queue": "compute"},
    "traits.predict": {"queue": "default"},
    "journeys.*": {"queue": "compute"},
    "journeys.dry_run": {"queue": "default"},
    "delivery.deliver": {"queue": "deliver"},
    "delivery.sync_lists": {"queue": "lists"},
    "delivery.advance_replays": {"queue": "default"},
    "alerts.*": {"queue": "default"},
    "warehouse_output.*": {"queue": "default"},
}
# Sweeps: each asks the database for due work, so that a lost wake-up costs at most one period.
app.conf.beat_schedule = {
    "ingest": {"task": "ingest.process_inbound", "schedule": 2.0, "options": {"queue": "ingest", "expires": 10}},
    "regulations": {"task": "ingest.regulate", "schedule": 5.0, "options": {"queue": "default", "expires": 10}},
    "compute": {"task": "audiences.compute", "schedule": 2.0, "options": {"queue": "compute", "expires": 10}},
    "recheck": {"task": "audiences.recheck_due", "schedule": 5.0, "options": {"queue": "compute", "expires": 10}},
    "backfill": {"task": "audiences.backfill", "schedule": 3.0, "options": {"queue": "compute", "expires": 10}},
    "first-syncs": {"task": "audiences.first_syncs", "schedule": 3.0, "options": {"queue": "compute", "expires": 10}},
    "exports": {"task": "audiences.export", "schedule": 5.0, "options": {"queue": "default", "expires": 10}},
    "trait-recheck": {"task": "traits.recheck_due", "schedule": 5.0, "options": {"queue": "compute", "expires": 10}},
    "trait-backfill": {"task": "traits.backfill", "schedule": 3.0, "options": {"queue": "compute", "expires": 10}},
    "trait-syncs": {"task": "traits.first_syncs", "schedule": 3.0, "options": {"queue": "compute", "expires": 10}},
    "sql-traits": {"task": "traits.run_queries", "schedule": 5.0, "options": {"queue": "default", "expires": 10}},
    "predictions": {"task": "traits.predict", "schedule": 10.0, "options": {"queue": "default", "expires": 10}},
    "warehouses": {
        "task": "warehouse_output.write_calls",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 10},
    },
    "advance": {"task": "journeys.advance_due", "schedule": 3.0, "options": {"queue": "compute", "expires": 10}},
    "step-syncs": {"task": "journeys.first_syncs", "schedule": 5.0, "options": {"queue": "compute", "expires": 10}},
    "resumes": {"task": "journeys.finish_resumes", "schedule": 5.0, "options": {"queue": "compute", "expires": 10}},
    "dry-runs": {"task": "journeys.dry_run", "schedule": 5.0, "options": {"queue": "default", "expires": 10}},
    "deliver": {"task": "delivery.deliver", "schedule": 2.0, "options": {"queue": "deliver", "expires": 10}},
    "lists": {"task": "delivery.sync_lists", "schedule": 5.0, "options": {"queue": "lists", "expires": 20}},
    "replays": {"task": "delivery.advance_replays", "schedule": 2.0, "options": {"queue": "default", "expires": 10}},
    "alerts": {"task": "alerts.evaluate", "schedule": 30.0, "options": {"queue": "default", "expires": 30}},
    "alert-mail": {"task": "alerts.send_messages", "schedule": 10.0, "options": {"queue": "default", "expires": 10}},
    "retention": {"task": "engage_admin.keep_house", "schedule": 600.0, "options": {"queue": "default"}},
}
app.conf.task_queues = None
app.conf.task_create_missing_queues = True


def keep_good_connections(sender: Any = None, **_: Any) -> None:
    """A task goes on with the connection of the one before, as requests do: closed by age, or when it is broken.

    Tasks are many and short; a connection of their own would cost each more than most of them do.
    """
    if not sender.request.is_eager:
        close_old_connections()


task_prerun.connect(keep_good_connections)
