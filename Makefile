# make demo and make test do all the set-up on a fresh Debian 12 with Swift.
.PHONY: demo test build commands lib install library-check bench bench-operators parity python format lint packages masks-check feedback check-selection disk-check fuzz faults watch-check deploy-check

flags := -c release --explicit-target-dependency-import-check error

demo: build
	Scripts/demo.sh

test: packages lint
	swift build $(flags) --build-tests
	swift test -c release --skip-build

build: packages
	swift build $(flags) --product rahf
	swift build $(flags) --product make-inpaint-masks
	swift build $(flags) --product select-finetune-data

# librahf.so with the Swift runtime inside, into .build/library.
lib: packages
	swift build $(flags) --product RAHFLibrary
	Scripts/library/link.sh

# rahf and the other commands with the Swift runtime inside, into .build/commands.
commands: packages
	swift build $(flags) --product rahf
	Scripts/library/link-command.sh

# The library, rahf.h, the pkg-config file and the commands.
PREFIX ?= /usr/local
install: commands lib
	Scripts/library/install.sh $(PREFIX)

# The library as a stranger meets it: symbols, examples, valgrind, threads, a Debian without Swift.
library-check: build commands lib
	Scripts/library/check.sh

# Speed and memory beside PyTorch, in one run; then the service beside speed in process and beside a Flask server.
bench: build
	Scripts/install-packages.sh g++
	Scripts/bench.sh
	Scripts/bench-selection.sh

# Full and read-only disks, vanishing files: clear errors, nothing half-written, and a rerun that completes.
disk-check: build
	Scripts/disks.sh

# What select-finetune-data writes, loaded with the libraries of its users; installs them into .venv.
check-selection: build
	Scripts/check-selection.sh

# The time of every operator's case, printed.
bench-operators: packages
	swift build $(flags) --build-tests
	RAHF_TIME_OPERATORS=1 swift test -c release --skip-build --filter OperatorTimes

# The model and the tokenizer beside PyTorch and the sentencepiece package; installs them into .venv.
parity: build
	Scripts/parity.sh

# The Python client and its examples against the real server; installs what they need into .venv.
python: build
	Scripts/python-client.sh

# The mask tools beside diffusers, OpenCV and scikit-image, in .venv: conventions, speed, repairs of planted damage.
masks-check: build
	Scripts/masks.sh

# Consolidation and evaluation beside independent readers and formulas; installs them into .venv.
feedback: build
	Scripts/feedback.sh

# The parsers of outside bytes under libFuzzer and the sanitizers, a short run with a fixed seed; Scripts/fuzz.sh has more.
fuzz: packages
	Scripts/fuzz.sh

# Killed, flooded, overloaded, drained, cut off: the fault table against the built server, seven minutes.
# FAULTS=--short for a fraction of the time, FAULTS='--soak 60' for an hour at 80% load.
faults: build
	Scripts/faults.sh $(FAULTS)

# /metrics as Prometheus reads it and the page in Chromium; installs what it needs into .venv.
watch-check: build
	Scripts/watch.sh

# Examples/deploy: the systemd unit, and the container's last stage in a Debian of its own. Needs root.
deploy-check: commands
	Scripts/deploy.sh

format:
	swift format -i -r Sources Tests Package.swift

lint:
	swift format lint --strict -r Sources Tests Package.swift

packages:
	@Scripts/install-packages.sh
