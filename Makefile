# make run and make test are the two commands of the README; both do all the set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PACKAGES := build-essential pkg-config libyaml-dev libopenblas-dev libsqlite3-dev \
  libavformat-dev libavcodec-dev libswscale-dev libavutil-dev libdcmtk-dev libdnnl-dev \
  libcairo2-dev libfftw3-dev fonts-dejavu-core gnuplot-nox librsvg2-bin graphviz python3-venv
CHECK := --explicit-target-dependency-import-check error
FATHOM := .build/release/fathom
CLIPS ?=
SUITE ?= runner

.PHONY: setup build run test lint unit end-to-end onednn-headers ro-crate sanitize bench clean

# Installs what is missing of the system's packages; says and does nothing when all are there.
setup:
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -q --no-install-recommends $$missing; \
	fi
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: https://www.swift.org/install"; exit 1; }

# The binaries of .build/release, with Swift's own libraries linked into them.
build: setup
	swift build -c release --static-swift-stdlib $(CHECK)

# Without CLIPS it runs the paper's pipeline on scans that it simulates.
run: build
ifeq ($(strip $(CLIPS)),)
	$(FATHOM) run Pipelines/explainability.yaml
	@echo "pictures: Artifacts/latest/explainability/pictures"
else
	$(FATHOM) run Pipelines/clips.yaml -S 'clips=$(CLIPS)'
	@column -t -s, < Artifacts/latest/clips/table/csv 2>/dev/null || cat Artifacts/latest/clips/table/csv
endif

# Format, one release build, all tests, the small end-to-end run.
test: lint onednn-headers build unit end-to-end

lint:
	swift format lint --strict --recursive Sources Tests Plugins Package.swift

unit: build
	FATHOM_BINARIES=$(CURDIR)/.build/release Tests/unit $(CHECK)

end-to-end: build
	Tests/end-to-end $(FATHOM)

# The shim over oneDNN compiles against 2.6 and 3.x; needs PyPI once.
onednn-headers: setup
	Tests/onednn-headers

# RO-Crates of a run against the profile's own validator; needs PyPI once.
ro-crate: build
	Tests/ro-crate/check $(FATHOM)

# Learning's tests under the address and the thread sanitizer; not part of CI.
sanitize: setup
	export FATHOM_TESTS=LearningTests LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/sanitizers/leaks.txt; \
	  swift test --scratch-path .build-address --sanitize address --filter LearningTests
	export FATHOM_TESTS=LearningTests TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/sanitizers/threads.txt; \
	  swift test --scratch-path .build-thread --sanitize thread --filter LearningTests

# make bench SUITE=runner|decode|learning|pretext|saliency|explain|scale|paper [CLIPS=DIR]: one part beside its peers, in turn.
bench: build
	Benchmarks/$(SUITE) $(FATHOM) '$(CLIPS)'

clean:
	rm -rf .build .bench
