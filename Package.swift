// swift-tools-version: 6.2
import PackageDescription

/// The compiler's free gates, on for every target of ours.
let gates: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// For targets that never touch C memory: every unsafe use is listed by the compiler.
let safe: [SwiftSetting] = gates + [.strictMemorySafety()]

let cGates: [CSetting] = [.treatAllWarnings(as: .error)]
let cxxGates: [CXXSetting] = [.treatAllWarnings(as: .error)]

let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
/// Runs inpainters.
let subprocess: [Target.Dependency] = [
    .product(name: "Subprocess", package: "swift-subprocess"),
    .product(name: "SystemPackage", package: "swift-system"),
]
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "rahf",
    products: [
        .library(name: "RewardModel", targets: ["RewardModel"]),
        .library(name: "RewardServer", targets: ["RewardServer"]),
        .executable(name: "rahf", targets: ["rahf"]),
        .executable(name: "make-inpaint-masks", targets: ["make-inpaint-masks"]),
        // The code of librahf.so; Scripts/library/link.sh links it.
        .library(name: "RAHFLibrary", type: .static, targets: ["RAHFLibrary"]),
        .executable(name: "select-finetune-data", targets: ["select-finetune-data"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Without Foundation.
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // C: system libraries and shims, each with exactly one importer.
        .target(name: "CKernels", cSettings: cGates),
        .target(
            name: "CImageCodecs", cSettings: cGates,
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("webp")]),
        .target(
            name: "CSentencePiece", cxxSettings: cxxGates,
            linkerSettings: [.linkedLibrary("sentencepiece")]),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLibCrypto", providers: [.apt(["libssl-dev"])]),

        // Random numbers of ours: the same on every machine.
        .target(name: "RewardRandom", swiftSettings: safe),

        // The graph and its engine.
        .target(name: "TensorGraph", swiftSettings: safe),
        .target(name: "TensorCPU", dependencies: ["TensorGraph", "CKernels"], swiftSettings: gates),

        // Images, the model, the commands.
        .target(name: "RewardImage", dependencies: ["CImageCodecs"], swiftSettings: gates),
        .target(
            name: "RewardModel",
            dependencies: [
                "TensorGraph", "TensorCPU", "RewardImage", "RewardRandom", "CSentencePiece", "CZlib", "CLibCrypto",
            ],
            swiftSettings: gates),
        .target(
            name: "RewardWire", dependencies: ["RewardModel", "RewardImage", protobuf], swiftSettings: gates),
        .target(
            name: "RewardServer", dependencies: ["RewardWire", "RewardModel", "RewardImage", "CZeroMQ", log],
            swiftSettings: gates),
        .target(
            name: "RewardData", dependencies: ["RewardModel", "RewardImage", protobuf], swiftSettings: gates),
        .target(name: "RewardMetrics", dependencies: ["RewardRandom"], swiftSettings: safe),
        .target(
            name: "RewardTraining",
            dependencies: ["TensorGraph", "TensorCPU", "RewardModel", "RewardImage", "RewardData", "RewardRandom"],
            swiftSettings: gates),
        .target(
            name: "RewardWorld", dependencies: ["RewardData", "RewardModel", "RewardImage", "RewardRandom"],
            swiftSettings: gates),
        // Selection: the rule, and what reads, scores and writes candidates.
        .target(name: "RewardSelection", swiftSettings: safe),
        .target(
            name: "RewardCuration",
            dependencies: [
                "RewardSelection", "RewardModel", "RewardImage", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: gates),
        .target(
            name: "RAHFCommands",
            dependencies: [
                "RewardSelection", "RewardCuration", "RewardModel", "RewardImage", "RewardData", "RewardMetrics",
                "RewardTraining", "RewardWorld", "RewardServer",
                "RewardWire", "RewardRandom",
                "TensorCPU", "CMalloc", argumentParser, log,
            ] + subprocess,
            swiftSettings: gates),
        .executableTarget(name: "rahf", dependencies: ["RAHFCommands"], swiftSettings: safe),
        .executableTarget(name: "make-inpaint-masks", dependencies: ["RAHFCommands"], swiftSettings: safe),
        .executableTarget(name: "select-finetune-data", dependencies: ["RAHFCommands"], swiftSettings: safe),

        // The C library: the header, and what implements it.
        .target(name: "CRAHF", cSettings: cGates),
        .target(
            name: "RAHFLibrary", dependencies: ["CRAHF", "RewardModel", "RewardImage", "TensorCPU"],
            swiftSettings: gates),

        // Tests.
        .target(name: "RewardTestSupport", path: "Tests/RewardTestSupport", swiftSettings: gates),
        // Every parser of outside bytes as a function of bytes: for `make fuzz`, and for the inputs it once found.
        .target(
            name: "RewardFuzzing",
            dependencies: [
                "RewardWire", "RewardModel", "RewardImage", "RewardData", "RewardCuration", "RewardSelection",
            ],
            path: "Tests/RewardFuzzing", swiftSettings: gates),
        .testTarget(
            name: "RewardFuzzTests", dependencies: ["RewardFuzzing", "RewardTestSupport"],
            exclude: ["Corpora", "README.md"],
            swiftSettings: gates),
        .testTarget(
            name: "TensorGraphTests", dependencies: ["TensorGraph"], swiftSettings: gates),
        .testTarget(
            name: "TensorCPUTests",
            dependencies: ["TensorGraph", "TensorCPU", "CKernels", "RewardTestSupport"], swiftSettings: gates),
        .testTarget(
            name: "RewardImageTests", dependencies: ["RewardImage", "RewardTestSupport"],
            exclude: ["Fixtures"], swiftSettings: gates),
        .testTarget(
            name: "RewardModelTests",
            dependencies: [
                "RewardModel", "RewardImage", "RewardRandom", "TensorGraph", "TensorCPU", "RewardTestSupport",
            ],
            exclude: ["Fixtures"],
            swiftSettings: gates),
        .testTarget(name: "RewardSelectionTests", dependencies: ["RewardSelection"], swiftSettings: gates),
        .testTarget(
            name: "RewardCurationTests",
            dependencies: ["RewardCuration", "RewardSelection", "RewardModel", "RewardImage", "RewardTestSupport"],
            exclude: ["Fixtures"], swiftSettings: gates),
        .testTarget(
            name: "RewardWireTests",
            dependencies: ["RewardWire", "RewardModel", "RewardImage", "RewardTestSupport", protobuf],
            swiftSettings: gates),
        .testTarget(
            name: "RewardServerTests",
            dependencies: ["RewardServer", "RewardWire", "RewardModel", "RewardImage", "RewardTestSupport", log],
            swiftSettings: gates),
        .testTarget(
            name: "RewardDataTests",
            dependencies: ["RewardData", "RewardModel", "RewardImage", "RewardTestSupport"],
            exclude: ["Fixtures"], swiftSettings: gates),
        .testTarget(
            name: "RewardMetricsTests", dependencies: ["RewardMetrics", "RewardRandom", "RewardTestSupport"],
            exclude: ["Fixtures"], swiftSettings: gates),
        .testTarget(
            name: "RewardTrainingTests",
            dependencies: [
                "RewardTraining", "RewardData", "RewardModel", "RewardImage", "TensorGraph", "TensorCPU",
                "RewardTestSupport",
            ], swiftSettings: gates),
        .testTarget(
            name: "RewardWorldTests",
            dependencies: ["RewardWorld", "RewardData", "RewardModel", "RewardImage", "RewardTestSupport"],
            exclude: ["Fixtures"], swiftSettings: gates),
        .testTarget(
            name: "RAHFCommandsTests",
            dependencies: [
                "RAHFCommands", "RewardCuration", "RewardData", "RewardImage", "RewardModel", "RewardServer",
                "TensorCPU", "RewardTestSupport", log,
            ],
            swiftSettings: gates),
        .testTarget(
            name: "RAHFLibraryTests",
            dependencies: [
                "RAHFLibrary", "CRAHF", "RewardModel", "RewardImage", "RewardServer", "TensorCPU", "RewardTestSupport",
                log,
            ],
            swiftSettings: gates),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .gnucxx17
)

// libFuzzer brings its own main, so its program is in the package only when Scripts/fuzz.sh asks for it.
if Context.environment["RAHF_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "rahf-fuzz", dependencies: ["RewardFuzzing"], path: "Tests/rahf-fuzz", swiftSettings: gates))
}
