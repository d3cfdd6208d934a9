# The commands of the project. Needs Python 3.11 or newer and make; everything else comes from requirements*.txt.

PYTHON ?= python3
BIN := .venv/bin
RUN_STAMP := .venv/stamp-run
DEV_STAMP := .venv/stamp-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTEST_ARGS ?=
# A process a core, each with databases of its own (Valkey has 16); the tests of a file stay together, in order.
PARALLEL := -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# The build tools must not see half of a virtual environment's settings from the caller's shell.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

.PHONY: help run test check format bench chaos screenshots migrations clean

help:
	@echo "make run          start Engage Admin with its own PostgreSQL and Valkey (PORT, ENGAGE_DATA, DATABASE_URL, REDIS_URL)"
	@echo "make test         every test, the browser's too (PYTEST_ARGS=...)"
	@echo "make check        style, types, import layers, migrations, deploy settings"
	@echo "make format       put the code in form"
	@echo "make bench        speed against a bare limit measured beside it"
	@echo "make chaos        kills, a restarted database and a flushed Valkey: shows that nothing is lost"
	@echo "make screenshots  pictures of every page, with accessibility findings"
	@echo "make clean        remove the virtual environment and caches (data in .data/ stays)"

run: $(RUN_STAMP)
	@ENGAGE_DEMO="$${ENGAGE_DEMO-1}" exec $(BIN)/python -m launcher run

test: $(DEV_STAMP)
	@chromium="$$($(BIN)/python -m launcher.chromium)" && \
	ENGAGE_CHROMIUM="$$chromium" exec $(BIN)/python -m launcher test -- $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

check: $(DEV_STAMP)
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m launcher test -- sh -ec 'set -x; \
	  $(BIN)/mypy .; \
	  $(BIN)/python manage.py makemigrations --check --dry-run; \
	  ENGAGE_URL=https://engage.example.com $(BIN)/python manage.py check --deploy --fail-level ERROR'

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_STAMP)
	@exec $(BIN)/python -m launcher test -- $(BIN)/python -m bench

chaos: $(DEV_STAMP)
	@exec $(BIN)/python -m tools.chaos

screenshots: $(DEV_STAMP)
	@chromium="$$($(BIN)/python -m launcher.chromium)" && \
	ENGAGE_CHROMIUM="$$chromium" exec $(BIN)/python -m tools.screenshots

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.data/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Engage Admin needs Python 3.11 or newer as '$(PYTHON)'. Install one, or name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "error: '$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(RUN_STAMP): requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt ..."
	@$(PIP) install --quiet -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing requirements-dev.txt ..."
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $(RUN_STAMP) $@
