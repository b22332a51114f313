import RewardImage
import RewardModel
import RewardTestSupport
import TensorCPU
import Testing

/// The shipped model in each precision; `Scripts/bench/precision.py` measures more images and other sizes.
@Suite struct PrecisionTests {
    private static func predictor(_ precision: Precision, threads: Int = 2) throws -> Predictor {
        try Predictor.load(
            folder: "\(Fixtures.repository)/Models/rahf-mini", options: .init(threads: threads, precision: precision))
    }

    private static func items() -> [PredictionItem] {
        ["a red cat on a chair", "two dogs in the snow", "a city at night"].enumerated().map { number, prompt in
            let samples = (0..<96 * 64 * 3).map { UInt8(truncatingIfNeeded: $0 * (number + 3) / 5 + ($0 % 7) * 20) }
            return PredictionItem(image: Image(width: 96, height: 64, rgb: samples), prompt: prompt)
        }
    }

    /// bfloat16's limit is the promise; 8 bits are an option, whose cost is stated.
    @Test(arguments: [(Precision.bfloat16, Float(0.005)), (.int8, 0.02)])
    func scoresStayCloseToFloat32(precision: Precision, limit: Float) throws {
        let exact = try Self.predictor(.float32).predict(Self.items()).map { try $0.get() }
        let found = try Self.predictor(precision).predict(Self.items()).map { try $0.get() }
        for (a, b) in zip(exact, found) {
            let (a, b) = (try #require(a.scores), try #require(b.scores))
            expectClose(
                ScoreKind.allCases.map { b[$0] }, ScoreKind.allCases.map { a[$0] }, absolute: limit, precision.rawValue)
        }
        #expect(exact != found || !precision.isAvailable)
    }

    @Test(arguments: Precision.allCases)
    func resultsHaveTheSameBitsAloneInAnyBatchAndThreadCount(precision: Precision) throws {
        var items = Self.items()
        items[1].objective = Objective(scoreWeights: [.overall: 1])
        let alone = try Self.predictor(precision, threads: 1)
        let expected = try items.map { try alone.predict([$0])[0].get() }
        for threads in [1, 2, 3] {
            let predictor = try Self.predictor(precision, threads: threads)
            for order in [[0, 1, 2], [2, 0, 0, 1, 2, 1]] {
                let results = try predictor.predict(order.map { items[$0] }).map { try $0.get() }
                #expect(results == order.map { expected[$0] }, "\(threads) threads, \(order)")
            }
        }
    }

    @Test func thePrecisionIsPartOfTheDigest() throws {
        let plain = try Self.predictor(.float32).info
        #expect(plain.precision == "float32" && plain.digest.count == 71)
        for precision in [Precision.bfloat16, .int8] {
            let info = try Self.predictor(precision).info
            // A processor that lacks it computes in float32, and says so.
            let expected = precision.isAvailable ? precision : .float32
            #expect(info.precision == expected.rawValue)
            #expect(info.digest == plain.digest + (precision.isAvailable ? "+\(precision.rawValue)" : ""))
        }
    }
}
