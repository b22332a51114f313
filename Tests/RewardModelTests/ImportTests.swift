import FoundationEssentials
import RewardModel
import RewardTestSupport
import Testing

/// Checkpoints that `Scripts/make-import-fixtures.py` wrote with PyTorch and transformers.
@Suite struct ImportTests {
    static let golden = GoldenTests.folder("golden-multi-port")

    static func fixture(_ name: String) -> String { Fixtures.path("RewardModelTests", "import/\(name)") }

    /// Runs an import into a fresh place, which is removed afterwards.
    static func withOutput<R>(_ body: (String) throws -> R) rethrows -> R {
        let out = FileManager.default.temporaryDirectory.appending(path: "rahf-import-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: out) }
        return try body(out)
    }

    private static var portOptions: ModelImport.RichHFOptions {
        var options = ModelImport.RichHFOptions(tokenizer: "\(golden)/spiece.model")
        options.visionHeads = 2
        return options
    }

    /// The error of importing a port's file, or nil; nothing may be left behind then.
    static func failure(_ file: String) -> ImportError? {
        withOutput { out in
            do throws(ImportError) {
                _ = try ModelImport.richHF(file: file, out: out, portOptions)
                return nil
            } catch {
                #expect(!FileManager.default.fileExists(atPath: out))
                return error
            }
        }
    }

    /// Expects the weights of `names` in both folders to have the same type, shape and bits.
    private func expectSame(_ names: [String], _ folder: ModelFolder, _ expected: ModelFolder) {
        for name in names {
            #expect(folder.weights.tensors[name]?.dtype == expected.weights.tensors[name]?.dtype, "\(name)")
            #expect(folder.weights.tensors[name]?.shape == expected.weights.tensors[name]?.shape, "\(name)")
            guard let ours = folder.weights.bytes(of: name), let theirs = expected.weights.bytes(of: name) else {
                Issue.record("\(name) is missing")
                continue
            }
            #expect(ours.elementsEqual(theirs), "\(name)")
        }
    }

    // MARK: The port's state_dict

    @Test func aStateDictBecomesTheModelItWasMadeFrom() throws {
        try Self.withOutput { out in
            let summary = try ModelImport.richHF(file: Self.fixture("port.pt"), out: out, Self.portOptions)
            let expected = try ModelFolder(path: Self.golden)
            let folder = try ModelFolder(path: out)
            expectSame(Array(expected.weights.tensors.keys), folder, expected)
            #expect(folder.weights.tensors.count == expected.weights.tensors.count)
            var config = expected.config
            config.name = "rahf-richhf"
            config.trained = true
            config.text.maxNewTokens = 100
            #expect(folder.config == config && summary.config == config)
            #expect(
                summary.ignored == [
                    "t5.decoder.embed_tokens.weight", "t5.encoder.embed_tokens.weight", "t5.lm_head.weight",
                    "vit.pooler.dense.bias", "vit.pooler.dense.weight",
                ])
            // Python's hashlib made the expected file's hash.
            #expect(summary.fresh.isEmpty && folder.verify() && expected.verify())
        }
    }

    @Test func anImportedModelAnswersAsPyTorchDoes() throws {
        try Self.withOutput { out in
            _ = try ModelImport.richHF(file: Self.fixture("port.pt"), out: out, Self.portOptions)
            let results = try Predictor.load(folder: out).predict(
                try GoldenTests.predictionItems("golden-multi-port", .scores))
            for (result, expected) in zip(results, try GoldenTests.items("golden-multi-port")) {
                let prediction = try result.get()
                let scores = try #require(prediction.scores)
                expectClose(
                    ScoreKind.allCases.map { scores[$0] },
                    ScoreKind.allCases.compactMap { expected.scores[$0.rawValue] }, absolute: 1e-4)
                #expect(!prediction.notes.contains(.untrainedModel))
            }
        }
    }

    @Test func missingExtraAndMisshapenTensorsAreListedByName() {
        guard case .mismatch(_, let missing, let misshapen, let extra) = Self.failure(Self.fixture("misfit.pt")) else {
            Issue.record("misfit.pt was taken")
            return
        }
        #expect(missing == ["score_predictor.overall.linear_layers.0.bias"])
        #expect(
            misshapen == [
                "visual_token_projection.bias is F64, not F32, F16 or BF16", "vit.layernorm.weight is [5], not [12]",
            ])
        #expect(extra == ["score_predictor.overall.extra"])
    }

    @Test func headCountsThatCannotBeAreRefused() {
        func failure(_ change: (inout ModelImport.RichHFOptions) -> Void) -> ImportError? {
            var options = Self.portOptions
            change(&options)
            return Self.withOutput { out in
                do throws(ImportError) {
                    _ = try ModelImport.richHF(file: Self.fixture("port.pt"), out: out, options)
                    return nil
                } catch { return error }
            }
        }
        for change: (inout ModelImport.RichHFOptions) -> Void in [
            { $0.visionHeads = nil }, { $0.visionHeads = 5 }, { $0.visionHeads = 0 }, { $0.textHeads = 4 },
        ] {
            guard case .invalidOption = failure(change) else {
                Issue.record("a wrong head count was taken")
                continue
            }
        }
        #expect(failure { $0.textHeads = 3 } == nil)
    }

    @Test func anOutputThatHoldsSomethingIsLeftAlone() throws {
        try Self.withOutput { out in
            try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
            _ = try ModelImport.richHF(file: Self.fixture("port.pt"), out: out, Self.portOptions)
            let digest = try ModelFolder(path: out).digest
            #expect(throws: ImportError.outputExists(path: out)) {
                try ModelImport.richHF(file: Self.fixture("port.pt"), out: out, Self.portOptions)
            }
            #expect(try ModelFolder(path: out).digest == digest)
        }
    }

    // MARK: Encoders of transformers

    @Test(arguments: ["vit", "vit-classifier"]) func publishedEncodersGetFreshSeededHeads(vit: String) throws {
        try Self.withOutput { out in
            let options = ModelImport.HuggingFaceOptions(preset: .tiny(.multiHead, vocabSize: 1))
            let summary = try ModelImport.huggingFace(
                vit: Self.fixture(vit), t5: Self.fixture("t5"), out: out, options)
            let expected = try ModelFolder(path: Self.golden)
            let folder = try ModelFolder(path: out)
            let encoders = expected.weights.tensors.keys.filter { $0.hasPrefix("vit.") || $0.hasPrefix("t5.") }
            expectSame(encoders, folder, expected)
            #expect(folder.config.vit == expected.config.vit && folder.config.t5 == expected.config.t5)
            #expect(!folder.config.trained)
            #expect(
                Set(summary.fresh).isDisjoint(with: encoders) && summary.fresh.contains("visual_token_projection.bias"))
            #expect(summary.fresh.count + encoders.count == folder.weights.tensors.count)
            let isClassifier = vit == "vit-classifier"
            #expect(folder.config.image.resample == (isClassifier ? .bicubic : .bilinear))
            #expect(folder.config.image.mean == (isClassifier ? [0.485, 0.456, 0.406] : [0.5, 0.5, 0.5]))
            #expect(summary.ignored.contains { $0.hasSuffix(": classifier.weight") } == isClassifier)
            for result in try Predictor.load(folder: out).predict(
                try GoldenTests.predictionItems("golden-multi-port"))
            {
                #expect(try result.get().notes.contains(.untrainedModel))
            }
        }
    }

    @Test func theSeedDecidesTheHeadsAndNothingElse() throws {
        func digests(_ seed: UInt64) throws -> (model: String, encoder: [UInt8]) {
            try Self.withOutput { out in
                var options = ModelImport.HuggingFaceOptions(preset: .tiny(.augmentedPrompt, vocabSize: 1))
                options.seed = seed
                _ = try ModelImport.huggingFace(
                    vit: Self.fixture("vit"), t5: Self.fixture("t5"), out: out, options)
                let folder = try ModelFolder(path: out)
                return (
                    folder.digest, Array(folder.weights.bytes(of: "t5.shared.weight") ?? .init(start: nil, count: 0))
                )
            }
        }
        let (first, again, other) = (try digests(1), try digests(1), try digests(2))
        #expect(first.model == again.model && first.model != other.model && first.encoder == other.encoder)
    }

    @Test func positionsForAnotherSizeAreThoseOfPyTorch() throws {
        try Self.withOutput { out in
            var options = ModelImport.HuggingFaceOptions(preset: .tiny(.multiHead, vocabSize: 1))
            options.imageSize = 28
            _ = try ModelImport.huggingFace(vit: Self.fixture("vit"), t5: Self.fixture("t5"), out: out, options)
            let folder = try ModelFolder(path: out)
            let name = "vit.embeddings.position_embeddings"
            #expect(folder.config.image.size == 28 && folder.weights.tensors[name]?.shape == [1, 50, 12])
            let bytes = try #require(folder.weights.bytes(of: name))
            let ours = (0..<600).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            let file = Array(try Data(contentsOf: URL(filePath: Self.fixture("positions-7.npy"))))
            let start = 10 + Int(file[8]) + Int(file[9]) << 8
            let theirs = file[start...].withUnsafeBytes { raw in
                (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
            expectClose(ours, theirs, absolute: 2e-6)
        }
    }

    @Test(arguments: [("vit", "t5-encoder"), ("vit", "vit"), ("t5", "t5"), ("vit", "."), ("nowhere", "t5")])
    func foldersOfOtherModelsAreRefused(vit: String, t5: String) {
        Self.withOutput { out in
            #expect(throws: ImportError.self) {
                try ModelImport.huggingFace(
                    vit: Self.fixture(vit), t5: Self.fixture(t5), out: out,
                    .init(preset: .tiny(.multiHead, vocabSize: 1)))
            }
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }

    @Test func anEncoderAloneIsRefusedForItsMissingDecoder() {
        Self.withOutput { out in
            do throws(ImportError) {
                _ = try ModelImport.huggingFace(
                    vit: Self.fixture("vit"), t5: Self.fixture("t5-encoder"), out: out,
                    .init(preset: .tiny(.multiHead, vocabSize: 1)))
                Issue.record("a T5 without a decoder was taken")
            } catch { #expect(error.description.contains("no decoder")) }
        }
    }
}
