import FoundationEssentials
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// Tiny models beside the answers of PyTorch; `Scripts/parity/goldens.py` makes both.
@Suite struct GoldenTests {
    static let models = ["golden-multi-port", "golden-augmented-paper", "golden-multi-mini", "golden-augmented-mini"]

    struct Expected: Decodable {
        struct Item: Decodable {
            var image: String
            var prompt: String
            var scores: [String: Float]
            var decodedText: String
            var objective: [String: Float]
            var objectiveValue: Float
        }
        var items: [Item]
    }

    static func folder(_ model: String) -> String { Fixtures.path("RewardModelTests", model) }

    static func items(_ model: String) throws -> [Expected.Item] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let data = try Data(contentsOf: URL(filePath: "\(folder(model))/expected.json"))
        return try decoder.decode(Expected.self, from: data).items
    }

    static func predictionItems(_ model: String, _ outputs: Outputs = .all) throws -> [PredictionItem] {
        try items(model).map { item in
            let bytes = try Data(contentsOf: URL(filePath: "\(folder(model))/\(item.image)"))
            return PredictionItem(
                image: try ImageDecoder.decode(Array(bytes)).image, prompt: item.prompt, outputs: outputs)
        }
    }

    /// The float32 values of an array file, whatever its shape.
    static func array(_ model: String, _ name: String) throws -> [Float] {
        let bytes = Array(try Data(contentsOf: URL(filePath: "\(folder(model))/\(name).npy")))
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        return bytes[start...].withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }

    @Test(arguments: models) func predictionsAgreeWithPyTorch(model: String) throws {
        let predictor = try Predictor.load(folder: Self.folder(model))
        let results = predictor.predict(try Self.predictionItems(model))
        for (index, expected) in try Self.items(model).enumerated() {
            let prediction = try results[index].get()
            let scores = try #require(prediction.scores)
            expectClose(
                ScoreKind.allCases.map { scores[$0] }, ScoreKind.allCases.compactMap { expected.scores[$0.rawValue] },
                absolute: 1e-4, "scores of \(expected.image)")
            for kind in HeatmapKind.allCases {
                expectClose(
                    try #require(prediction.heatmaps?[kind]).values,
                    try Self.array(model, "\(kind.rawValue)-\(index)"), absolute: 1e-3, kind.rawValue)
            }
            #expect(prediction.words?.decodedText == expected.decodedText)
        }
    }

    /// Relative Euclidean error: single pixels may lie on a kink of a ReLU or a maximum.
    @Test(arguments: models) func pixelGradientsAgreeWithPyTorch(model: String) throws {
        let predictor = try Predictor.load(folder: Self.folder(model))
        var items = try Self.predictionItems(model, [])
        let expected = try Self.items(model)
        for index in items.indices {
            var objective = Objective()
            for (name, weight) in expected[index].objective {
                if let kind = ScoreKind(rawValue: name) { objective.scoreWeights[kind] = weight }
                if let kind = HeatmapKind(rawValue: name) {
                    objective.heatmapTerms.append(HeatmapTerm(heatmap: kind, weight: weight))
                }
            }
            items[index].objective = objective
        }
        for (index, result) in predictor.predict(items).enumerated() {
            let gradient = try #require(try result.get().gradient)
            let theirs = try Self.array(model, "gradient-\(index)")
            #expect(gradient.values.count == theirs.count)
            let error = zip(gradient.values, theirs).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            let norm = theirs.reduce(0) { $0 + Double($1) * Double($1) }
            #expect((error / norm).squareRoot() <= 1e-3, "gradient of \(expected[index].image)")
            expectClose(
                [gradient.objective], [expected[index].objectiveValue], absolute: 1e-4, "objective of item \(index)")
        }
    }

    @Test(arguments: models) func resultsHaveTheSameBitsAloneInAnyBatchOrderAndThreadCount(model: String) throws {
        var items = try Self.predictionItems(model)
        for index in items.indices {
            items[index].objective = Objective(
                scoreWeights: [.plausibility: 1], heatmapTerms: [HeatmapTerm(heatmap: .misalignment, weight: -1)])
        }
        let alone = try Predictor.load(folder: Self.folder(model), options: .init(threads: 1))
        let expected = try items.map { try alone.predict([$0])[0].get() }
        for threads in [1, 2, 3, 5] {
            let predictor = try Predictor.load(folder: Self.folder(model), options: .init(threads: threads))
            for order in [[0, 1, 2], [2, 0, 1], [1, 1, 2, 0, 0, 2, 1, 2, 0, 1]] {
                let results = try predictor.predict(order.map { items[$0] }).map { try $0.get() }
                for (position, index) in order.enumerated() {
                    #expect(results[position] == expected[index], "item \(index) at \(threads) threads in \(order)")
                }
            }
        }
    }

    /// A batch encodes each different image once; that shows in no bit.
    @Test(arguments: models) func promptsAboutOneImageAreAnsweredAsTheyAreAlone(model: String) throws {
        let predictor = try Predictor.load(folder: Self.folder(model), options: .init(threads: 2))
        let given = try Self.predictionItems(model)
        let items = [(0, 0), (0, 1), (1, 1), (0, 2), (1, 0)].map { image, prompt in
            var item = given[image]
            item.prompt = given[prompt].prompt
            return item
        }
        let together = try predictor.predict(items).map { try $0.get() }
        for (index, item) in items.enumerated() {
            #expect(try predictor.predict([item])[0].get() == together[index], "item \(index)")
        }
        #expect(together[0] != together[1] && together[1] != together[2])
    }

    @Test func aBadItemCostsItsBatchMatesNothing() throws {
        let model = Self.models[0]
        let predictor = try Predictor.load(folder: Self.folder(model))
        let good = try Self.predictionItems(model, .scores)
        var poisoned = good[0]
        poisoned.image = Image(width: 2, height: 1, rgb: [0, 0, 0, 0, .nan, 0])
        var empty = good[0]
        empty.prompt = " ,"
        var long = good[0]
        long.prompt = Array(repeating: "cat", count: 10_000).joined(separator: " ")
        let results = predictor.predict([good[0], poisoned, empty, long, good[1]])
        #expect(try results[0].get() == predictor.predict([good[0]])[0].get())
        #expect(try results[4].get() == predictor.predict([good[1]])[0].get())
        func code(_ index: Int) -> FailureCode? {
            if case .failure(let failure) = results[index] { failure.code } else { nil }
        }
        #expect(code(1) == .invalidPixels)
        #expect(code(2) == .invalidPrompt)
        #expect(code(3) == .promptTooLong)
    }

    @Test func everyReplyOfAnUntrainedModelSaysSo() throws {
        let model = Self.models[0]
        let predictor = try Predictor.load(folder: Self.folder(model))
        for result in predictor.predict(try Self.predictionItems(model, .scores)) {
            #expect(try result.get().notes.contains(.untrainedModel))
        }
    }
}
