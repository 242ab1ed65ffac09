# With Python 3.11 or newer (with venv) and make, everything else is set up in .venv.
# `make rehearse SCENARIO=missing-switch` plays another scenario; `PYTHON=python3.12 make ...` chooses.

PYTHON ?= python3
SCENARIO ?= rehearsal
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m uv pip compile --quiet --universal \
	--generate-hashes --no-annotate --no-emit-index-url --python-version 3.11
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

.PHONY: rehearse test proving-ground lint format lock bench docs picture setup clean

rehearse: setup
	@$(BIN)/python -m snlm_lib rehearse $(SCENARIO)

# In two parts, tests/parts.py: two files at a time, then what needs the machine to itself. Bytecode is kept, whatever
# the environment says: every kernel, lab and monitor that a test starts would compile the toolkit anew.
test: export PYTHONDONTWRITEBYTECODE =
test: lint
	$(BIN)/python -m pytest --part together --numprocesses 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest --part alone

# Every known failure as a whole run, with the page that tells how each ended, and a cut at every single request of a
# rehearsal: the better part of an hour.
proving-ground: export SNLM_PROVING_GROUND = 1
proving-ground: setup
	$(BIN)/python tools/proving_ground.py --write
	$(BIN)/python -m pytest tests/proving

lint: setup
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: setup
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

lock: setup
	$(COMPILE) --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --group kerberos -c requirements.lock -o requirements-kerberos.lock

bench: setup
	$(BIN)/python benchmarks/rehearsal.py

docs: setup
	$(BIN)/python tools/write_docs.py

picture: setup
	$(BIN)/python tools/picture.py

setup:
	@$(PYTHON) tools/setup_venv.py

clean:
	rm -rf .venv .venv.lock .mypy_cache .pytest_cache .ruff_cache
