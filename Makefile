# `make run FOLDER=~/Somewhere` keeps a folder safe; `make test` proves that it does.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
FOLDER ?=
WORKERS ?= 2
SEEDS ?= 0:200000
RUNS ?= 1000000
# Each command is a process: one that may not keep what it compiled compiles all of it anew, in 0.2 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check crash soak properties machine sim fuzz bench clean golden example docs bench-sync bench-dashboard bench-grown bench-drills bench-stores

help:
	@echo "make run FOLDER=~/Somewhere   keep a folder safe"
	@echo "make test                     install and pass all tests"
	@echo "make check                    format, lint, types, contracts, fast tests"
	@echo "make crash                    the long crash test: 200 kills"
	@echo "make soak                     agents as processes for 20 minutes, 200 kills while one prunes, the black box at length"
	@echo "make properties               100,000 cases of the properties of merge and plan"
	@echo "make machine                  100,000 steps of letting old versions go, one after the other"
	@echo "make sim SEEDS=0:200000       the long simulation"
	@echo "make fuzz RUNS=1000000        every decoder, by atheris"
	@echo "make bench                    us and our peers side by side"
	@echo "make bench-sync               two folders in sync, us and our peers"
	@echo "make bench-grown              a vault of years: rebuild and prune, beside restic and borg"
	@echo "make bench-drills             a recovery drill from every kind of store"
	@echo "make bench-stores             packs to a real S3 server, us beside rclone"
	@echo "make bench-dashboard          the dashboard on 200,000 files with 1,000,000 versions"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml setup.py $(wildcard syncd/*/*.c)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml setup.py $(wildcard syncd/*/*.c)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/installed

run: $(VENV)/installed
	@test -n "$(FOLDER)" || { echo "Which folder? make run FOLDER=~/Somewhere" >&2; exit 2; }
	@$(BIN)/syncd up "$(FOLDER)"
	@echo "How it is: $(BIN)/syncd status    The dashboard: $(BIN)/syncd tui" >&2

test: $(VENV)/installed-dev
	SYNCD_CASES=400 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q -m "not slow" -n $(WORKERS) --dist worksteal

crash: $(VENV)/installed-dev
	SYNCD_KILLS=200 $(BIN)/python -m pytest -q -s tests/agent/test_crash.py --timeout 3600

properties: $(VENV)/installed-dev
	SYNCD_CASES=12000 $(BIN)/python -m pytest -q tests/merge tests/plan --timeout 7200

machine: $(VENV)/installed-dev
	SYNCD_STEPS=100000 $(BIN)/python -m pytest -q -s tests/simulation/test_prune_machine.py -k anybody_needs

soak: $(VENV)/installed-dev
	SYNCD_SOAK_S=1200 SYNCD_RUNS=100 SYNCD_PRUNE_KILLS=200 $(BIN)/python -m pytest -q -s \
	  tests/agent/test_soak.py tests/agent/test_prune_soak.py tests/blackbox --timeout 7200

fuzz: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fuzz]"
	$(BIN)/python -m tests.fuzz --runs $(RUNS)

sim: $(VENV)/installed-dev
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

golden: $(VENV)/installed-dev
	$(BIN)/python -m tests.golden.make

example: $(VENV)/installed
	$(BIN)/python -c "from syncd.config.settings import Settings, dump; print(dump(Settings()), end='')" > config.example.toml

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.run

bench-sync: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	RCLONE=$(BIN)/rclone $(BIN)/python -m benchmarks.sync

bench-grown: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.grown

bench-drills: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.drills

bench-stores: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.stores

bench-dashboard: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.dashboard

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find syncd -name '*.so' -delete

docs: $(VENV)/installed-dev
	$(BIN)/python -m tests.hygiene.reference > docs/commands.md
	$(BIN)/python -m tests.hygiene.openapi > docs/openapi.json
	$(BIN)/python -m tests.hygiene.dashboard > docs/dashboard.md
	$(BIN)/python -m tests.hygiene.dashboard --pictures
