# Every target creates the virtual environment if it is missing (.venv, or VENV=FOLDER); `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: setup docs demo test test-all check pythons format bench rehearse chaos listen seed-load client audit sbom lock schema help

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.set-up
# The site's packages, apart from the program's.
GUIDE := .venvs/guide
# Else every program that a test starts, and each test process, compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

setup: $(STAMP) ## make the virtual environment (needs python3 >= 3.11)

$(STAMP): requirements/dev.txt requirements/installer.txt tools/setup.sh
	@VENV=$(VENV) tools/setup.sh
	@touch $(STAMP)

$(GUIDE)/.set-up: requirements/guide.txt requirements/installer.txt tools/setup.sh
	@VENV=$(GUIDE) tools/setup.sh guide
	@touch $@

docs: $(GUIDE)/.set-up ## the documents as a site with search, in var/guide; the API serves it at /docs/guide
	@$(GUIDE)/bin/python -m tools.guide

demo: $(STAMP) ## two phone calls with the local voices: no key, no outside service
	$(PY) -m vocalized demo

PYTEST := $(PY) -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

test: $(STAMP) ## the tests of what users run: media, control, and calls end to end
	TEST_EXAMPLES=40 $(PYTEST) -m "not slow and not extended"

test-all: $(STAMP) $(GUIDE)/.set-up ## all tests: also of simulators, rehearsals, benchmarks, tools and documents, and the slow ones
	TEST_HISTORIES=2000 $(PYTEST) -m "slow or not slow"

check: $(STAMP) ## format, lint, types, import contracts, names in documents
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m tools.check_documents
	@tools/console_types/check.sh

pythons: ## check and test on every Python from 3.11 to 3.13 that is on this machine
	@tools/pythons.sh

format: $(STAMP) ## format the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(STAMP) ## load benchmarks against pipecat and FastAPI; writes docs/evidence/performance.md and docs/evidence/api-performance.md
	$(PY) -m lab.benchmarks run
	$(PY) -m lab.benchmarks vendors
	$(PY) -m lab.benchmarks api

rehearse: $(STAMP) ## 200 calls through the whole stack, then carriers' faults, outages and a killed node; writes docs/evidence/stack.md
	$(PY) -m lab greeting house lines outages node --write docs/evidence/stack.md

chaos: $(STAMP) ## faults of every neighbour and of the surroundings under 50 calls; as root all of them; writes docs/evidence/chaos.md
	$(PY) -m lab chaos --write docs/evidence/chaos.md

listen: $(STAMP) ## turn-taking with recorded callers, in virtual time; goes on where it was stopped; writes docs/evidence/listening.md
	$(PY) -m lab.listening fetch
	$(PY) -m lab.listening run --set development --json var/listening/development.json
	$(PY) -m lab.listening run --set held_out --json var/listening/held_out.json
	$(PY) -m lab.listening run --set held_out --families pauses --families natural_turns --llm-ms 300 --tts-ms 150 --json var/listening/slow.json
	$(PY) -m lab.listening run --set second_held_out --families pauses --json var/listening/second.json
	$(PY) -m lab.listening score --set held_out --json var/listening/scores.json
	-$(PY) -m lab.listening peers --set held_out --json var/listening/peers.json
	$(PY) -m lab.listening report var/listening/held_out.json var/listening/slow.json \
		var/listening/second.json var/listening/development.json --scores var/listening/scores.json --peers var/listening/peers.json

seed-load: $(STAMP) ## 1,000 workspaces and 1,000,000 calls in a database; measures every list and overview
	$(PY) -m vocalized seed-load

client: $(STAMP) ## write the Python client to var/client; builds, installs and tries it
	$(PY) -m vocalized client --language python --output var/client
	$(PY) -m tools.client_package

audit: $(STAMP) ## known faults in the packages of the images, and their licences; needs the internet
	@tools/supply.sh audit

sbom: $(STAMP) ## write var/sbom: the images' packages as CycloneDX, and their licences
	@tools/supply.sh sbom

lock: $(STAMP) ## write requirements/*.txt from pyproject.toml
	@tools/lock.sh

schema: $(STAMP) ## write control/db/schema.sql from the migrations
	$(PY) -m vocalized.services.schema

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
