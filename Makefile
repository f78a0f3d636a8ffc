PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Compiled files are kept: without them each test worker compiles everything again, 13 s of processor time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow test-abuse test-scale soak check format docs serve clean

demo: $(STAMP)  ## a spoken conversation, start to end, on this machine
	$(BIN)/glow demo

test: $(STAMP)  ## the test suite; the slow ones apart
	$(BIN)/pytest -m "not slow and not long" -n 3 --dist worksteal

# Foreign programs in real time share the machine with two other tests: what fails there is run once more alone, and
# counts as it fares then; what fails alone fails.
test-slow: $(STAMP)  ## what takes long: whole role-plays, real time, killed processes
	$(BIN)/pytest -m "slow and not long" -n 3 --dist worksteal || \
		{ test $$? = 1 && $(BIN)/pytest -m "slow and not long" --last-failed --last-failed-no-failures none --maxfail 1; }

test-abuse: $(STAMP)  ## what docs/reliability.md claims: attacks, faults and restarts
	$(BIN)/pytest tests/abuse -k "not ten_thousand"

test-scale: $(STAMP)  ## what docs/scale.md claims of several processes, with twenty callers; test-slow has it with fewer
	SCALE=whole $(BIN)/pytest tests/scale -s

soak: $(STAMP)  ## ten thousand turns, an hour: memory, descriptors, threads and tasks stay flat
	$(BIN)/pytest tests/abuse/test_soak.py -m long -s

check: $(STAMP)  ## format, lint, types and floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)  ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

serve: $(STAMP)
	$(BIN)/glow serve

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON) here: install Python 3.11, 3.12 or 3.13, or name one, as in make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
		{ echo "Glow Voice needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is none: run make PYTHON=python3.12, or the like." >&2; exit 1; }
	@$(BIN)/python -c 'import pip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || rm -rf $(VENV)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --prefer-binary -c constraints.txt -e '.[dev,neural,telemetry]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
