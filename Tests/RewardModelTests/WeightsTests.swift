import FoundationEssentials
import RewardModel
import RewardTestSupport
import Testing

/// Model folders that are damaged in one way each.
@Suite struct WeightsTests {
    /// A copy of a good folder, with the weights' bytes changed.
    private func folder(_ change: (inout [UInt8]) -> Void) throws -> String {
        let source = GoldenTests.folder("golden-multi-port")
        let target = FileManager.default.temporaryDirectory.appending(path: "rahf-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: URL(filePath: source), to: target)
        let weights = target.appending(path: "model.safetensors")
        var bytes = Array(try Data(contentsOf: weights))
        change(&bytes)
        try Data(bytes).write(to: weights)
        return target.path()
    }

    private func failure(_ path: String) -> Failure? {
        defer { try? FileManager.default.removeItem(atPath: path) }
        do throws(Failure) {
            _ = try Predictor.load(folder: path)
            return nil
        } catch { return error }
    }

    @Test func aMissingFolderIsNamed() {
        let failure = failure("/nonexistent/model")
        #expect(failure?.code == .fileError)
        #expect(failure?.message.contains("/nonexistent/model/config.json") == true)
    }

    @Test func aHeaderLongerThanTheFileIsRefused() throws {
        let path = try folder { $0.replaceSubrange(0..<8, with: [255, 255, 255, 255, 255, 255, 255, 127]) }
        #expect(failure(path)?.message.contains("header claims") == true)
    }

    @Test func truncatedWeightsAreRefusedByName() throws {
        let path = try folder { $0.removeLast(64) }
        let failure = failure(path)
        #expect(failure?.code == .invalidModel)
        #expect(failure?.message.contains("outside the data") == true)
    }

    @Test func aMissingTensorIsListed() throws {
        // The same length, so that only the name is wrong.
        let path = try folder { bytes in
            let name = Array("t5.shared.weight".utf8)
            if let start = bytes.firstRange(of: name)?.lowerBound { bytes[start] = UInt8(ascii: "x") }
        }
        let message = failure(path)?.message ?? ""
        #expect(message.contains("missing: t5.shared.weight") && message.contains("extra: x5.shared.weight"))
    }

    @Test func everyTruncationAndDamagedHeaderIsATypedError() throws {
        var random = SystemlessRandom(state: 7)
        for _ in 0..<60 {
            let path = try folder { bytes in
                if random.next() % 2 == 0 {
                    bytes.removeLast(Int(random.next() % UInt64(bytes.count)))
                } else {
                    for _ in 0..<3 { bytes[Int(random.next() % 2000)] ^= UInt8(truncatingIfNeeded: random.next()) }
                }
            }
            if let failure = failure(path) { #expect([.invalidModel, .fileError].contains(failure.code)) }
        }
    }

    @Test func nanWeightsAreNamedWhenAnOutputNeedsThem() throws {
        let path = try folder { bytes in
            let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            for index in stride(from: 8 + length, to: bytes.count - 1, by: 2) {
                (bytes[index], bytes[index + 1]) = (0xff, 0x7f)
            }
        }
        defer { try? FileManager.default.removeItem(atPath: path) }
        let predictor = try Predictor.load(folder: path)
        let items = try GoldenTests.predictionItems("golden-multi-port", .scores)
        for result in predictor.predict(items) {
            guard case .failure(let failure) = result else {
                Issue.record("a model of NaN answered")
                continue
            }
            #expect(failure.code == .invalidModel)
            #expect(failure.message.contains("NaN"))
        }
    }

    @Test func aSeededModelHasTheSameBytesEachTime() throws {
        let vocabulary = Array(
            try Data(contentsOf: URL(filePath: GoldenTests.folder("golden-multi-port") + "/spiece.model")))
        let paths = try (0..<2).map { _ in
            let path = FileManager.default.temporaryDirectory.appending(path: "rahf-\(UUID().uuidString)").path()
            try ModelFolder.create(
                at: path, config: .tiny(.augmentedPrompt, vocabSize: 64), vocabulary: vocabulary, seed: 3)
            return path
        }
        defer { for path in paths { try? FileManager.default.removeItem(atPath: path) } }
        #expect(try ModelFolder(path: paths[0]).digest == ModelFolder(path: paths[1]).digest)
    }
}

/// A small fixed-seed generator for the fuzzers.
struct SystemlessRandom {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}
