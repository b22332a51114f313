# make demo and make test do all the set-up on a fresh Debian 12 with Swift.
.PHONY: demo test build bench bench-operators parity format lint packages

flags := -c release --explicit-target-dependency-import-check error

demo: build
	Scripts/demo.sh

test: packages lint
	swift build $(flags) --build-tests
	swift test -c release --skip-build

build: packages
	swift build $(flags) --product rahf

# Speed and memory beside PyTorch, in one run.
bench: build
	Scripts/bench.sh

# The time of every operator's case, printed.
bench-operators: packages
	swift build $(flags) --build-tests
	RAHF_TIME_OPERATORS=1 swift test -c release --skip-build --filter OperatorTimes

# The model and the tokenizer beside PyTorch and the sentencepiece package; installs them into .venv.
parity: build
	Scripts/parity.sh

format:
	swift format -i -r Sources Tests Package.swift

lint:
	swift format lint --strict -r Sources Tests Package.swift

packages:
	@Scripts/install-packages.sh
