import FoundationEssentials
import RewardImage
import RewardModel
import RewardTestSupport
import TensorCPU
import TensorGraph
import Testing

/// What the small model has beside the paper's: stem, pooled heads, tagger, and blocks that start as the identity.
@Suite struct MiniTests {
    private static let vocabulary = GoldenTests.folder("golden-multi-mini") + "/spiece.model"

    /// A fresh folder, removed when `body` returns.
    private func withFolder<Result>(
        _ config: ModelConfig, _ body: (String) throws -> Result
    ) throws -> Result {
        let path = FileManager.default.temporaryDirectory.appending(path: "rahf-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let bytes = Array(try Data(contentsOf: URL(filePath: Self.vocabulary)))
        try ModelFolder.create(at: path, config: config, vocabulary: bytes, seed: 1)
        return try body(path)
    }

    private static let pattern: [Float] = {
        var random = SystemlessRandom(state: 5)
        return (0..<192 * 192 * 3).map { _ in Float(random.next() % 256) / 255 }
    }()

    private let picture = Image(width: 192, height: 192, rgb: pattern)

    @Test(arguments: [ModelConfig.Variant.multiHead, .augmentedPrompt])
    func theMiniPresetAnswersWithItsShapes(variant: ModelConfig.Variant) throws {
        try withFolder(.mini(variant, vocabSize: 110)) { path in
            let predictor = try Predictor.load(folder: path)
            let item = PredictionItem(image: picture, prompt: "two red cat, on the chair")
            let prediction = try predictor.predict([item])[0].get()
            #expect(prediction.heatmaps?[.misalignment]?.values.count == 48 * 48)
            #expect(prediction.words?.words.map(\.word) == ["two", "red", "cat", "on", "the", "chair"])
            let suffixed = prediction.words?.words.map { $0.misaligned ? "\($0.word)_0" : $0.word } ?? []
            #expect(prediction.words?.decodedText == suffixed.joined(separator: " "))
            let names = ParameterCatalogue.parameters(for: predictor.info.config).map(\.name)
            #expect(Set(names).count == names.count)
            #expect(
                !names.contains { $0.hasPrefix("t5.decoder") || $0.contains("lm_head") || $0.contains("patch_emb") })
            let count = ParameterCatalogue.parameters(for: .mini(variant, vocabSize: 2000))
                .map { $0.shape.reduce(1, *) }.reduce(0, +)
            #expect(2 * count < 16 << 20, "\(count) weights do not ship in 16 MB of bf16")
        }
    }

    @Test func untrainedBlocksPassTheirInputThrough() throws {
        let config = ModelConfig.mini(.multiHead, vocabSize: 110)
        try withFolder(config) { path in
            let engine = CPUEngine(source: try ModelFolder(path: path).weights, threads: 2)
            var network = NetworkBuilder(config)
            let pixels = network.graph.constant(Self.pattern.map { $0 * 2 - 1 }, [1, 192, 192, 3])
            let ids = network.graph.constant([5, 9, 1] as [Int32], [1, 3])
            let counts = network.graph.constant([Int32(network.visualTokens + 3)], [1])
            let states = network.encode(network.imageTokens(pixels), ids, tokenCounts: counts)
            let whole = network.featureMap(states)
            let bypassed = network.bypassedFeatureMap(pixels)
            let outputs = [whole, bypassed].map { network.graph.affine($0, factor: 1) }
            let program = try engine.compile(network.graph, outputs: outputs)
            try program.run()
            expectClose(Array(program.output(0)), Array(program.output(1)), absolute: 1e-6, "feature map")
        }
    }

    // MARK: The detail path

    private func output(
        _ config: ModelConfig, _ path: String, _ build: (inout NetworkBuilder) throws -> [Tensor]
    ) throws -> [[Float]] {
        let engine = CPUEngine(source: try ModelFolder(path: path).weights, threads: 1)
        var network = NetworkBuilder(config)
        let outputs = try build(&network).map { network.graph.affine($0, factor: 1) }
        let program = try engine.compile(network.graph, outputs: outputs)
        try program.run()
        return outputs.indices.map { Array(program.output($0)) }
    }

    @Test func freshResidualBlocksPassTheirInputThrough() throws {
        let config = ModelConfig.mini(.multiHead, vocabSize: 110)
        var plain = config
        plain.detail?.stem.residualBlocks = nil
        try withFolder(config) { path in
            let maps = try [config, plain].map { config in
                try output(config, path) { network in
                    let pixels = network.graph.constant(Self.pattern.map { $0 * 2 - 1 }, [1, 192, 192, 3])
                    let map = network.detailMap(pixels)
                    return [try #require(map)]
                }[0]
            }
            #expect(maps[0] == maps[1] && maps[0].contains { $0 > 0 })
        }
    }

    @Test func damageIsJudgedWithoutThePromptAndTheRestWithIt() throws {
        let config = ModelConfig.mini(.multiHead, vocabSize: 110)
        try withFolder(config) { path in
            // Fresh blocks let no text through: open every way that starts closed.
            let folder = try ModelFolder(path: path)
            try ModelFolder.write(at: path + "-open", config: config, vocabulary: folder.vocabulary) { spec in
                var open = spec
                if spec.initialiser == .constant(0), spec.shape.count > 1 { open.initialiser = .uniform(0.2) }
                return open.values(seed: 7)
            }
            defer { try? FileManager.default.removeItem(atPath: path + "-open") }
            let predictor = try Predictor.load(folder: path + "-open")
            let answers = try predictor.predict(
                ["two red cat", "the chair"].map { PredictionItem(image: picture, prompt: $0) }
            ).map { try $0.get() }
            let scores = try answers.map { try #require($0.scores) }
            let maps = try answers.map { try #require($0.heatmaps) }
            #expect(scores[0].plausibility == scores[1].plausibility && scores[0].alignment != scores[1].alignment)
            #expect(maps[0][.implausibility] == maps[1][.implausibility])
            #expect(maps[0][.misalignment] != maps[1][.misalignment])
            // One picture for both, or each its own: the same bits.
            let alone = try predictor.predict([PredictionItem(image: picture, prompt: "the chair")])[0].get()
            #expect(alone.scores == scores[1] && alone.heatmaps == maps[1])
        }
    }

    @Test func contradictionsOfTheDetailPathAreNamed() throws {
        let stem = StemConfig(channels: [32, 64, 128, 192], norm: .none)
        #expect(try refusal { $0.detail?.stem.channels = [32, 64, 192] }.contains("detail.stem has 3 layers"))
        #expect(try refusal { $0.detail?.stem.channels = [32, 64, 128, 96] }.contains("must end in t5.d_model"))
        #expect(try refusal { $0.detail?.stem.residualBlocks = [1] }.contains("one number per layer"))
        #expect(try refusal { $0.detail?.stem.residualBlocks = [0, 0, 0, 65] }.contains("has 65"))
        #expect(
            try refusal { $0.detail = DetailConfig(stem: stem, scores: [], heatmaps: []) }.contains(
                "detail has no heads"))
        let detail = ModelConfig.mini(.multiHead, vocabSize: 110).detail
        let message = try withFolder(.mini(.augmentedPrompt, vocabSize: 110)) { path in
            var config = ModelConfig.mini(.augmentedPrompt, vocabSize: 110)
            config.detail = detail
            try config.encoded().withUnsafeBytes { try Data($0).write(to: URL(filePath: "\(path)/config.json")) }
            do throws(Failure) {
                _ = try Predictor.load(folder: path)
                return ""
            } catch { return error.message }
        }
        #expect(message.contains("detail needs a multi_head model"))
        #expect(try refusal { $0.detail = nil } == "")
    }

    /// Without norms a deep stack of ReLUs must neither fade nor blow up its responses from the start.
    @Test func aFreshStemAndMapHeadWithoutNormsKeepTheirResponsesSize() throws {
        let config = ModelConfig.mini(.multiHead, vocabSize: 110)
        let names = ParameterCatalogue.parameters(for: config).map(\.name)
        #expect(!names.contains { $0.contains("stem.norms") || $0.contains("_norms.") || $0.contains("read_outs") })
        try withFolder(config) { path in
            let engine = CPUEngine(source: try ModelFolder(path: path).weights, threads: 1)
            var network = NetworkBuilder(config)
            let pixels = network.graph.constant(Self.pattern.map { $0 * 2 - 1 }, [1, 192, 192, 3])
            let detail = network.detailMap(pixels)
            let stem = try #require(detail)
            let map = network.patchMap(pixels)
            let logits = network.heatmapLogits(map, .implausibility)
            let outputs = [network.highPass(pixels, factor: 6), stem, map, logits].map {
                network.graph.affine($0, factor: 1)
            }
            let program = try engine.compile(network.graph, outputs: outputs)
            try program.run()
            let sizes = outputs.indices.map { index in
                let values = program.output(index)
                return (values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
            }
            #expect(sizes[1] > 0.3 * sizes[0] && sizes[1] < 3 * sizes[0], "stem: \(sizes)")
            #expect(sizes[3] > 0.3 * sizes[2] && sizes[3] < 3 * sizes[2], "map head: \(sizes)")
        }
    }

    /// The stem's border rule: a flat picture has no high frequencies, at its rim neither.
    @Test func theHighPassOfAFlatImageIsZeroUpToItsBorder() throws {
        let config = ModelConfig.mini(.multiHead, vocabSize: 110)
        try withFolder(config) { path in
            let engine = CPUEngine(source: try ModelFolder(path: path).weights, threads: 1)
            var network = NetworkBuilder(config)
            let flat = network.graph.constant([Float](repeating: 0.7, count: 16 * 32 * 3), [1, 16, 32, 3])
            let high = network.graph.affine(network.highPass(flat, factor: 6), factor: 1)
            let program = try engine.compile(network.graph, outputs: [high])
            try program.run()
            expectClose(
                Array(program.output(0)), [Float](repeating: 0, count: 16 * 32 * 3), absolute: 1e-5, "high pass")
        }
    }

    @Test func outputsHaveTheSameBitsWhateverElseIsAskedFor() throws {
        for model in ["golden-multi-mini", "golden-augmented-mini"] {
            let predictor = try Predictor.load(folder: GoldenTests.folder(model))
            func ask(_ outputs: Outputs) throws -> [Prediction] {
                try predictor.predict(try GoldenTests.predictionItems(model, outputs)).map { try $0.get() }
            }
            let all = try ask(.all)
            #expect(try ask(.scores).map(\.scores) == all.map(\.scores))
            #expect(try ask(.heatmaps).map(\.heatmaps) == all.map(\.heatmaps))
            #expect(try ask(.words).map(\.words) == all.map(\.words))
        }
    }

    @Test func scoresComputeNoHeatmapUnlessTheirHeadReadsIt() throws {
        func operators(_ config: ModelConfig) -> Int {
            var network = NetworkBuilder(config)
            let map = network.graph.input("map", [1, 12, 12, 192])
            let score = network.scoreLogits(map, .plausibility)
            return zip(network.graph.nodes, network.graph.live(from: [score])).filter { node, live in
                if case .transposedConvolution = node.operation { live } else { false }
            }.count
        }
        var config = ModelConfig.mini(.multiHead, vocabSize: 110)
        // Damage's own map, and no other: its head reads nothing of the misalignment.
        #expect(operators(config) == 2)
        config.detail = nil
        #expect(operators(config) == 4)
        config.scoreHead.heatmapStatistics = nil
        #expect(operators(config) == 0)
    }

    // MARK: Words and their tokens

    @Test func piecesHaveTheIdsOfTheWholePromptAndEachBelongsToAWord() throws {
        let tokenizer = try Tokenizer(modelPath: Self.vocabulary)
        let words = [
            "a", "cat", "man's", "red-hot", "🐱", "日本", "naïve", "\tyes", "x\u{200b}y", "\u{200b}", "zq", "of", "chair",
        ]
        var random = SystemlessRandom(state: 11)
        for _ in 0..<500 {
            let chosen = (0...random.next() % 12).map { _ in words[Int(random.next() % UInt64(words.count))] }
            let prompt = try PromptText.parse(chosen.joined(separator: random.next() % 2 == 0 ? " " : ", "))
            let ids = tokenizer.encode(prompt.cleaned)
            #expect(tokenizer.pieces(prompt.cleaned).map(\.id) == ids, "\(prompt.cleaned)")
            let ranges = tokenizer.positions(of: prompt)
            #expect(ranges.count == prompt.words.count)
            #expect(ranges.flatMap(Array.init) == Array(ids.indices), "\(prompt.cleaned)")
            // SentencePiece never joins words: each one's pieces are those it has alone.
            for (word, range) in zip(prompt.words, ranges) {
                #expect(Array(ids[range]) == tokenizer.encode(word.text), "\(word.text) in \(prompt.cleaned)")
            }
        }
    }

    // MARK: Configurations

    private func refusal(_ change: (inout ModelConfig) -> Void) throws -> String {
        var config = ModelConfig.mini(.multiHead, vocabSize: 110)
        change(&config)
        return try withFolder(config) { path in
            do throws(Failure) {
                _ = try Predictor.load(folder: path)
                return ""
            } catch { return error.message }
        }
    }

    @Test func contradictionsAreNamed() throws {
        #expect(try refusal { $0.vit.stem?.channels = [32, 64, 192] }.contains("no patches of 16"))
        #expect(try refusal { $0.vit.stem?.channels = [32, 64, 128, 96] }.contains("must end in vit.hidden_size"))
        #expect(try refusal { $0.heatmapHead.residual = true }.contains("needs deconvolution_read_outs"))
        #expect(try refusal { $0.vit.stem?.highPass = 0 }.contains("high_pass"))
        #expect(try refusal { $0.scoreHead.pooling = [] }.contains("pooling is empty"))
        #expect(try refusal { $0.scoreHead.pooling = nil }.contains("needs score_head.pooling"))
        #expect(try refusal { $0.scoreHead.heatmapStatistics?.topFraction = 1.5 }.contains("top_fraction is 1.5"))
        #expect(try refusal { $0.scoreHead.heatmapStatistics?.statistics = [] }.contains("no statistics"))
        #expect(try refusal { $0.wordHead?.dense = [96] }.contains("word_head.dense must end in 1"))
        #expect(try refusal { $0.t5.numDecoderLayers = 2 }.contains("word_head uses no decoder"))
        #expect(try refusal { $0.wordHead = nil }.contains("only a word_head does without"))
        #expect(try refusal { $0.scoreHead.heatmapStatistics = nil } == "")
    }

    @Test func unknownChoicesAreRefusedByName() throws {
        for (old, new) in [
            ("\"tagger\"", "\"oracle\""), ("\"max\"", "\"median\""), ("\"top_mean\"", "\"mode\""),
            ("\"relu\"", "\"swish\""),
        ] {
            let message = try withFolder(.mini(.multiHead, vocabSize: 110)) { path in
                let file = URL(filePath: "\(path)/config.json")
                let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
                let changed = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
                #expect(changed != text, "\(old) is not in the file")
                try Data(changed.utf8).write(to: file)
                do throws(Failure) {
                    _ = try Predictor.load(folder: path)
                    return ""
                } catch { return error.message }
            }
            #expect(message.contains(String(new.dropFirst().dropLast())), "\(message)")
        }
    }
}
