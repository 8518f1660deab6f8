# Two commands do it all on a fresh machine with Python 3.11 or newer and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench setup setup-test clean lock

demo: setup
	@echo '$$ spendgate check examples/llm-training'
	@$(BIN)/spendgate check examples/llm-training; code=$$?; echo "exit code $$code"; test $$code -eq 1
	@echo
	@echo '$$ spendgate check examples/llm-training-fixed'
	@$(BIN)/spendgate check examples/llm-training-fixed; code=$$?; echo "exit code $$code"; test $$code -eq 0

test: setup-test lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "spendgate needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python cannot make virtual environments here. On Debian: apt-get install python3-venv"; exit 2; }
	@echo "Installing the locked dependencies into $(VENV) (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# The SDK of Azure is large (356 MB), and needed by tests alone; so are a registry and Java, which Debian packages. They are
# unpacked beside the environment, neither installed nor started; where that fails, the tests that need them are skipped.
setup-test: $(VENV)/.ready-test
	@command -v docker-registry >/dev/null || test -x $(VENV)/docker-registry/usr/bin/docker-registry || { \
		folder=$$(mktemp -d) && ( cd $$folder && { apt-get download -qq docker-registry || \
		{ apt-get update -qq && apt-get download -qq docker-registry; }; } ) >/dev/null 2>&1 && \
		dpkg-deb -x $$folder/docker-registry_*.deb $(VENV)/docker-registry; rm -rf $$folder; \
		test -x $(VENV)/docker-registry/usr/bin/docker-registry || \
		echo "Tests of packs in registries need docker-registry (Debian: apt-get install docker-registry)"; }
	@command -v java >/dev/null || test -n "$$(ls $(VENV)/java/usr/lib/jvm/*/bin/java 2>/dev/null)" || { \
		folder=$$(mktemp -d) && ( cd $$folder && { apt-get download -qq openjdk-17-jre-headless || \
		{ apt-get update -qq && apt-get download -qq openjdk-17-jre-headless; }; } ) >/dev/null 2>&1 && \
		dpkg-deb -x $$folder/openjdk-17-jre-headless_*.deb $(VENV)/java; rm -rf $$folder; \
		find $(VENV)/java -type l -lname '/etc/*' 2>/dev/null | while read -r link; do \
		file=$(VENV)/java$$(readlink $$link); test ! -f $$file || cp --remove-destination $$file $$link; done; \
		test -n "$$(ls $(VENV)/java/usr/lib/jvm/*/bin/java 2>/dev/null)" || \
		echo "Tests on Spark need Java (Debian: apt-get install openjdk-17-jre-headless)"; }
	@command -v ssh-keygen >/dev/null && command -v git >/dev/null || \
		echo "Tests of signed approvals and trusted revisions need ssh-keygen and git (Debian: apt-get install openssh-client git)"

$(VENV)/.ready-test: $(VENV)/.ready requirements-azure.lock requirements-oci.lock requirements-allocate.lock
	@echo "Installing the SDK of Azure, DuckDB and Spark for the tests (a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-azure.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-oci.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-allocate.lock
	@touch $@

lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --extra crossguard-reference --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra azure --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --upgrade -c requirements.lock | awk '/^[^ ]/ {keep = /^pulumi-azure-native==/} keep' > requirements-azure.lock
	$(BIN)/uv pip compile pyproject.toml --extra oci --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --upgrade -c requirements.lock | awk '/^[^ ]/ {keep = /^oras==/} keep' > requirements-oci.lock
	$(BIN)/uv pip compile pyproject.toml --extra allocate --extra spark --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --upgrade -c requirements.lock | awk 'NR == FNR {if (/^[^ ]/) seen[$$1] = 1; next} \
		/^[^ ]/ {keep = !($$1 in seen)} keep' requirements.lock - > requirements-allocate.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
