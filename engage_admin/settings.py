"""Settings: every deploy knob is a typed environment variable with a safe default, listed in docs/operations.md."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value == "":
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def env_list(name: str, default: str) -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def env_json(name: str) -> dict[str, dict[str, object]]:
    """A JSON object of objects."""
    text = os.environ.get(name, "").strip()
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be JSON.") from None
    if not isinstance(value, dict) or not all(isinstance(member, dict) for member in value.values()):
        raise ImproperlyConfigured(f'{name} must be an object of objects, such as {{"braze_cohorts": {{…}}}}.')
    return value


def database_from_url(url: str) -> dict[str, object]:
    """`postgresql://user:password@host:port/name?option=value` as a Django database entry."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def mail_from_url(url: str) -> dict[str, object]:
    """`smtp://user:password@host:port?tls=1` or `smtps://…` as Django's mail settings; none for an empty one."""
    if not url:
        return {}
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ImproperlyConfigured("ENGAGE_SMTP_URL must look like smtp://user:password@host:587?tls=1.")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": dict(parse_qsl(parts.query)).get("tls") == "1",
        "EMAIL_TIMEOUT": 15,
    }


DEBUG = env_bool("ENGAGE_DEBUG", False)
ENGAGE_DEMO = env_bool("ENGAGE_DEMO", False)
# How many people the demo's Prod space has.
ENGAGE_DEMO_PEOPLE = env_int("ENGAGE_DEMO_PEOPLE", 11_500)
ENGAGE_DATA = Path(os.environ.get("ENGAGE_DATA", BASE_DIR / ".data")).resolve()
PORT = env_int("PORT", 8000)

# Commands that need no server (collectstatic, makemigrations --check) run without secrets.
SECRET_KEY = os.environ.get("ENGAGE_SECRET_KEY", "")
# Fernet keys, comma separated; the first encrypts, all decrypt (rotation).
ENGAGE_ENCRYPTION_KEYS = env_list("ENGAGE_ENCRYPTION_KEY", "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "ENGAGE_SECRET_KEY is not set. `make run` makes one; for your own server export a long random text."
    )

ALLOWED_HOSTS = env_list("ENGAGE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
ENGAGE_URL = os.environ.get("ENGAGE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [ENGAGE_URL] if ENGAGE_URL.startswith("https://") else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("ENGAGE_BEHIND_PROXY", False) else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENGAGE_URL.startswith("https://")

DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "")
if not DATABASE_URL or not REDIS_URL:
    raise ImproperlyConfigured(
        "DATABASE_URL and REDIS_URL are not set. Start with `make run`, run a command with "
        "`python -m launcher exec -- CMD`, or export both."
    )
DATABASES = {"default": database_from_url(DATABASE_URL)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

INSTALLED_APPS = [
    "engage_admin",
    "demo",
    "alerts",
    "ingest",
    "journeys",
    "warehouse_output",
    "traits",
    "audiences",
    "delivery",
    "destinations",
    "profiles",
    "spaces",
    "common",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "template_partials",
    "lucide",
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "common.pages.refuse_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "engage_admin.urls"
WSGI_APPLICATION = "engage_admin.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "spaces.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
AXES_FAILURE_LIMIT = env_int("ENGAGE_SIGN_IN_ATTEMPTS", 10)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_USERNAME_CALLABLE = "spaces.sign_in.attempted_email"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "spaces.context.shell",
                "engage_admin.context.health",
                "alerts.context.bell",
            ],
        },
    }
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = ENGAGE_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "manifest-src": ["'self'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# The audience builder posts about ten fields a condition, and a definition has up to 200 of them.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "spaces.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.StorableJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Engage Admin API",
    "DESCRIPTION": "Everything that a page can do. Authenticate with `Authorization: Token …`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "JourneyStateEnum": "journeys.models.VersionState",
        "DryRunStateEnum": "journeys.models.DryRun.State",
        "AlertKindEnum": "alerts.models.Kind",
        "RegulationKindEnum": "profiles.models.Regulation.Kind",
        "SpaceKindEnum": "spaces.models.SpaceKind",
        "ComputeStatusEnum": "audiences.models.ComputeStatus",
    },
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Tasks that share a database connection (engage_admin/celery.py closes it sooner, by age or when it is broken).
CELERY_DB_REUSE_MAX = 1_000
# What hides personal data in the audit trail.
PERSONAL_DATA_MASK = "profiles.masking.masked"
# Called before every evaluation, in its transaction: computed traits, which conditions read.
COMPUTATION_PRECEDER = "traits.services.compute.precede"
# Called with every evaluation, in its transaction: the journeys move the people it concerns.
COMPUTATION_FOLLOWER = "journeys.services.following.follow"
COMPUTATION_HAS_FOLLOWERS = "journeys.services.following.has_followers"
# Steps of journeys, which conditions of audiences may name.
COMPUTATION_STEPS = "journeys.selectors.step_references.SOURCE"
# Where the users of an audience are looked for before it is deleted.
COMPUTATION_CONSUMERS = [
    "audiences.services.consumers.audiences_using",
    "journeys.selectors.consumers.journeys_using",
]
# Where the readers of a computed trait are looked for, beside audiences and other traits.
TRAIT_CONSUMERS = ["journeys.selectors.consumers.journeys_reading"]
# Who is in a computation, as SQL: what a list destination acknowledged is held against it.
COMPUTATION_MEMBERS = ["audiences.selectors.connections.members_query"]
# The newest calls made to a destination: mappings are tried with them.
DESTINATION_CALLS = "delivery.selectors.recent_calls.recent_calls"
# Messages and calls that a link names as the sample of a mapping: `(space, id) -> event or None`.
SAMPLE_EVENTS = {
    "received": "ingest.received.received_event",
    "call": "delivery.selectors.recent_calls.call_event",
}
# What a trace tells of the computation behind a call.
COMPUTATION_TRACERS = [
    "audiences.selectors.tracing.facts",
    "traits.selectors.tracing.facts",
    "journeys.selectors.step_facts.facts",
    "delivery.selectors.source_facts.facts",
]
# Told of a source's new name: what is connected to it directly shows it.
SOURCE_RENAMED = "delivery.services.source_connections.follow_name"
# A task is a wake-up or a block of work of at most ENGAGE_TASK_SECONDS; one that was lost is simply sent again.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# How long one run of a pipeline task works before it hands over to the next (seconds).
ENGAGE_TASK_SECONDS = env_int("ENGAGE_TASK_SECONDS", 20)
# Inbound messages with a messageId seen within this many days are duplicates (>= 1).
ENGAGE_DEDUPE_DAYS = env_int("ENGAGE_DEDUPE_DAYS", 7)
ENGAGE_EVENT_RETENTION_MONTHS = env_int("ENGAGE_EVENT_RETENTION_MONTHS", 36)
# Delivery runs at once, over all worker processes; each serves every destination, at most two are useful a core.
ENGAGE_DELIVER_RUNS = env_int("ENGAGE_DELIVER_RUNS", 2)
# Ingest runs at once, over all worker processes: while one waits for the database the other computes.
ENGAGE_INGEST_RUNS = env_int("ENGAGE_INGEST_RUNS", 2)
ENGAGE_DELIVERY_RETENTION_DAYS = env_int("ENGAGE_DELIVERY_RETENTION_DAYS", 30)
ENGAGE_REJECTED_RETENTION_DAYS = env_int("ENGAGE_REJECTED_RETENTION_DAYS", 30)
ENGAGE_DEBUGGER_RETENTION_DAYS = env_int("ENGAGE_DEBUGGER_RETENTION_DAYS", 14)  # 0: requests are not kept
# How long a generated CSV file can be downloaded.
ENGAGE_EXPORT_HOURS = env_int("ENGAGE_EXPORT_HOURS", 72)
# Hosts and networks that deliveries may reach although they are not public, e.g. "127.0.0.0/8,10.1.2.3".
ENGAGE_ALLOWED_NETWORKS = env_list("ENGAGE_ALLOWED_NETWORKS", "127.0.0.0/8,::1/128" if ENGAGE_DEMO else "")
ENGAGE_LIST_INTERVAL_SECONDS = env_int("ENGAGE_LIST_INTERVAL_SECONDS", 0)  # 0: the connector's own cadence
# What the installation as a whole has with vendors, by connector: {"braze_cohorts": {"partner_api_key_us": "…"}}.
ENGAGE_CONNECTOR_SETTINGS = env_json("ENGAGE_CONNECTOR_SETTINGS")
# host:port that gets every outbound call in place of its destination, in plain HTTP with the Host kept: for staging.
ENGAGE_SEND_TO = os.environ.get("ENGAGE_SEND_TO", "").strip()
# /healthz answers 503 when received work has waited longer than this to be processed.
ENGAGE_HEALTH_LAG_SECONDS = env_int("ENGAGE_HEALTH_LAG_SECONDS", 900)

# SQL traits: how long a query in a warehouse may take (seconds), how many run at once, how many rows one may return.
ENGAGE_WAREHOUSE_SECONDS = env_int("ENGAGE_WAREHOUSE_SECONDS", 300)
ENGAGE_WAREHOUSE_RUNS = env_int("ENGAGE_WAREHOUSE_RUNS", 2)
# Runs of predictive traits at once, over all worker processes; each may learn in a process of some 300 MB.
ENGAGE_PREDICTION_RUNS = env_int("ENGAGE_PREDICTION_RUNS", 1)
ENGAGE_WAREHOUSE_ROWS = env_int("ENGAGE_WAREHOUSE_ROWS", 25_000_000)
# Folders whose DuckDB files queries may read, and the memory of one query there.
ENGAGE_WAREHOUSE_FOLDERS = env_list("ENGAGE_WAREHOUSE_FOLDERS", str(ENGAGE_DATA / "warehouses"))
ENGAGE_WAREHOUSE_MEMORY_MB = env_int("ENGAGE_WAREHOUSE_MEMORY_MB", 512)

# How often each alert rule is looked at (seconds).
ENGAGE_ALERT_SECONDS = env_int("ENGAGE_ALERT_SECONDS", 60)
# smtp://user:password@host:587 with ?tls=1 for STARTTLS, or smtps://…:465; empty: no e-mail is sent.
ENGAGE_SMTP_URL = os.environ.get("ENGAGE_SMTP_URL", "").strip()
DEFAULT_FROM_EMAIL = os.environ.get("ENGAGE_MAIL_FROM", "").strip() or "Engage Admin <engage@localhost>"
locals().update(mail_from_url(ENGAGE_SMTP_URL))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("ENGAGE_LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "celery": {"level": "WARNING"}, "axes": {"level": "WARNING"}},
}
