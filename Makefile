# Everything a developer or CI runs. `make setup` needs Python 3.11+ with venv and pip; nothing else is installed by hand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
STAMP  := $(VENV)/.synced
# Tests commit thousands of times: where there are 4 GB of room in memory, none of that waits for a disk.
ROOM   := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000')
# -n 2: two worker processes; the whole suite is sized for two cores.
PYTEST := $(if $(ROOM),TMPDIR=/dev/shm )$(BIN)/pytest -n 2

# A test starts hundreds of processes; without compiled files each of them would compile everything that it imports.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-heavy test-judges test-integrations test-snowflake check format lint types docs bench clean

help:  ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv with hubferry and its tools, from the lock file

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hubferry needs Python 3.11 or newer; $(PYTHON) is older. Run: make setup PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'uv>=0.13,<0.14'

$(STAMP): $(UV) pyproject.toml uv.lock
	UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --frozen --inexact --compile-bytecode --quiet
	@touch $@

demo: setup  ## a HubSpot portal on this machine, pulled into DuckDB and pushed back
	$(BIN)/hubferry demo

test: setup  ## every test but the heavy ones
	$(PYTEST) --dist loadfile -m "not heavy and not judges" # a file by one worker: what its tests share is made once

test-heavy: setup  ## hundreds of random histories, every kill point, big portals, full limits
	$(PYTEST) --dist worksteal -m heavy

test-snowflake: setup  ## the contract of every warehouse on a real Snowflake account, named by SNOWFLAKE_* variables
	HUBFERRY_TEST_SNOWFLAKE=1 $(BIN)/pytest tests/contract/test_every_warehouse*.py -k snowflake

JUDGES := tap-hubspot@4.5.0 meltano-tap-hubspot@0.10.1 airbyte-source-hubspot@5.7.0
test-judges: setup $(JUDGES:%=.judges/%)  ## three released connectors read the emulator, each in an environment of its own
	$(BIN)/pytest -m judges tests/judges

.judges/%: $(UV)
	$(UV) venv --quiet --clear --python 3.11 .judges/$(firstword $(subst @, ,$*))
	$(UV) pip install --quiet --python .judges/$(firstword $(subst @, ,$*))/bin/python $(subst @,==,$*)
	@touch $@

INTEGRATIONS := dagster@1.13.29 dlt@1.31.0 apache-airflow@3.3.2 snowflake-snowpark-python@1.56.0
WITH_dagster := [dagster]
WITH_dlt := [dlt]
WITH_snowflake-snowpark-python := [postgres,snowflake]
ALSO_snowflake-snowpark-python := 'fakesnow[server]>=0.12,<0.13'
test-integrations: setup $(INTEGRATIONS:%=.integrations/%)  ## hubferry inside released orchestrators and Snowpark, each in an environment of its own
	for each in $(foreach one,$(INTEGRATIONS),$(firstword $(subst @, ,$(one)))); do \
	  name=$${each%-python}; .integrations/$$each/bin/python -m pytest tests/hubferry/integrations/test_$${name##*-}.py || exit 1; done

.integrations/%: name = $(firstword $(subst @, ,$*))
.integrations/%: $(UV) pyproject.toml
	$(UV) venv --quiet --clear .integrations/$(name)
	$(UV) pip install --quiet --python .integrations/$(name)/bin/python --editable '.$(WITH_$(name))' $(subst @,==,$*) $(ALSO_$(name)) hypothesis pytest
	@touch $@

check: format lint types test  ## what CI runs, formatting first

format: setup  ## rewrite to the house format
	$(BIN)/ruff format src tests bench docs

lint: setup  ## style and mistakes
	$(BIN)/ruff format --check src tests bench docs
	$(BIN)/ruff check src tests bench docs

types: setup  ## mypy --strict on src
	$(BIN)/mypy

docs: setup  ## write docs/reference from the code
	$(BIN)/python docs/build.py

bench: setup  ## the figures of docs/performance.md
	for figure in bench/*.py; do $(BIN)/python "$$figure" || exit 1; done

clean:  ## remove what make made
	rm -rf $(VENV) demo .mypy_cache .ruff_cache
