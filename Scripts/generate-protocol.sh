#!/bin/sh
# Writes Sources/RewardWire/Generated from Protocols/rahf.proto and recording.proto.
# Needs protoc (Debian: protobuf-compiler). Builds protoc-gen-swift from the package once, about a minute and a half.
set -eu
cd "$(dirname "$0")/.."
swift package resolve
package=.build/checkouts/swift-protobuf
swift build -c release --package-path "$package" --scratch-path .build/protoc-gen-swift --product protoc-gen-swift
protoc --plugin=.build/protoc-gen-swift/release/protoc-gen-swift --proto_path=Protocols \
    --swift_out=Sources/RewardWire/Generated --swift_opt=Visibility=Package,UseAccessLevelOnImports=true rahf.proto recording.proto
