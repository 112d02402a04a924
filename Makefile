# Two commands for a newcomer: `make demo` and `make test`. Both set up what is missing, both need root.
# The installed package is compiled; `build/outside` is everything but conntrack/, so that what runs there imports
# the installed package and never the source tree.

VENV    := .venv
BIN     := $(CURDIR)/$(VENV)/bin
STAMPS  := .venv/stamps
OUTSIDE := build/outside
WHEEL   := build/wheel
SETUP   := deploy/build/setup.sh
NEEDS    = $(BIN)/python deploy/build/requirements.py
SOURCES := $(shell find conntrack -name '*.py' -o -name '*.[ch]' -o -name py.typed) deploy/build/hatch_build.py
PIP      = $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTEST   = $(BIN)/python -P -m pytest -q
ARGS    ?=

.DELETE_ON_ERROR:
.PHONY: help demo test check lint unit compiled netns bench compare-kernel fuzz docs install uninstall clean outside
.PHONY: install-test setup-run setup-test setup-bench

help:
	@echo 'make demo       run the gateway between network namespaces, with real traffic (root)'
	@echo 'make test       check, the same tests on the compiled package, and the namespace tests (root)'
	@echo 'make check      ruff, mypy --strict, unit, property and golden tests'
	@echo 'make bench      speed and memory against the kernel, into build/bench.json (root)'
	@echo 'make compare-kernel  the same packets through the kernel and through us, into build/compare-kernel.json (root)'
	@echo 'make fuzz       every parser, every tracker and the engine under arbitrary bytes; ARGS="--seconds 3600"'
	@echo 'make docs       write the generated pages of docs/'
	@echo 'make install    put the gateway on this machine as a service: /opt/pairwall, /etc/pairwall (root)'
	@echo 'make uninstall  take it away again; the rules stay'
	@echo 'make clean      remove build/, dist/ and .venv'
	@echo 'ARGS=… is passed on: make demo ARGS=--keep, make netns ARGS="-k hairpin"'

demo: setup-run $(STAMPS)/installed
	$(BIN)/pairwall demo $(ARGS)

test: check compiled netns

check: lint unit

lint: setup-test $(STAMPS)/test
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	@! find conntrack -name '*.so' | grep . || { echo 'shared objects in the source tree shadow their modules: remove them'; exit 1; }

unit: setup-test $(STAMPS)/test
	$(PYTEST) -n auto $(ARGS)

compiled: install-test outside
	cd $(OUTSIDE) && PAIRWALL_EXPECT=compiled PAIRWALL_HYPOTHESIS=more $(PYTEST) -n auto $(ARGS)

netns: install-test outside
	cd $(OUTSIDE) && PAIRWALL_EXPECT=compiled $(PYTEST) -n 2 tests/netns tests/kernel $(ARGS)

bench: setup-bench install-test outside
	cd $(OUTSIDE) && PAIRWALL_EXPECT=compiled $(BIN)/python -m tests.bench --output $(CURDIR)/build/bench.json $(ARGS)

compare-kernel: install-test outside
	cd $(OUTSIDE) && PAIRWALL_EXPECT=compiled $(BIN)/python -m tests.kernel --output $(CURDIR)/build/compare-kernel.json $(ARGS)

# without atheris (no wheel for this Python) the bytes are made up without guidance
fuzz: setup-test $(STAMPS)/test
	@$(PIP) install 'atheris>=2.3' || echo 'atheris cannot be installed here: fuzzing without coverage guidance'
	$(BIN)/python -m tests.fuzz $(ARGS)

docs: setup-test $(STAMPS)/test
	$(BIN)/python -m docs.generate

install: setup-run $(STAMPS)/installed
	deploy/install.sh install $$(readlink -f $(BIN)/python) $(WHEEL)/*.whl

uninstall:
	deploy/install.sh remove

clean:
	rm -rf build dist $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup-run:
	@$(SETUP) $(VENV) run

setup-test:
	@$(SETUP) $(VENV) run test

setup-bench:
	@$(SETUP) $(VENV) run test bench

install-test: setup-test $(STAMPS)/test $(STAMPS)/installed

# what pyproject.toml lists, without the package itself
$(STAMPS)/run: pyproject.toml | setup-run
	@mkdir -p $(STAMPS)
	$(NEEDS) build run netfilterqueue >$(STAMPS)/run.txt
	$(PIP) install -r $(STAMPS)/run.txt
	@touch $@

$(STAMPS)/test: pyproject.toml $(STAMPS)/run | setup-test
	$(NEEDS) test >$(STAMPS)/test.txt
	$(PIP) install -r $(STAMPS)/test.txt
	@touch $@

# the package, compiled; again only when a source changed
$(STAMPS)/installed: $(STAMPS)/run $(SOURCES)
	@echo 'installing pairwall into $(VENV) (compiles for about a minute)'
	@rm -rf $(WHEEL)
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir $(WHEEL) .
	$(PIP) install --no-deps --force-reinstall $(WHEEL)/*.whl
	@cd / && $(BIN)/python -c 'import conntrack.packet.reason as m; print("installed:", "compiled" if m.__file__.endswith(".so") else "NOT compiled, slow")'
	@touch $@

outside:
	@rm -rf $(OUTSIDE) && mkdir -p $(OUTSIDE)
	@cp -r pyproject.toml Makefile LICENSE $(wildcard tests config systemd deploy docs *.md) $(OUTSIDE)/
