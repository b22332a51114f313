#!/bin/sh
# Serves the shipped model, scores the sample photographs over ZeroMQ and writes pictures and a page to demo/.
set -eu
cd "$(dirname "$0")/.."
.build/release/rahf demo --out demo
