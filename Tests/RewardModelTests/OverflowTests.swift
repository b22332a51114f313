import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// Items whose pixels are finite and far too large for the network.
@Suite struct OverflowTests {
    private let predictor = Result {
        try Predictor.load(folder: Fixtures.path("RewardModelTests", "golden-multi-port"))
    }

    private func item(_ value: Float, _ objective: Objective?) -> PredictionItem {
        let image = Image(width: 2, height: 2, rgb: [Float](repeating: value, count: 12))
        return PredictionItem(image: image, prompt: "a cat", outputs: .scores, objective: objective)
    }

    @Test func anItemThatOverflowsCostsItsBatchMatesNeitherScoresNorGradients() throws {
        let predictor = try predictor.get()
        let objective = Objective(scoreWeights: [.overall: 1])
        let alone = try predictor.predict([item(0.5, objective)])[0].get()
        let together = predictor.predict([item(0.5, objective), item(3e38, objective), item(0.5, objective)])
        let failure = #expect(throws: Failure.self) { try together[1].get() }
        #expect(failure?.code == .nonFiniteResult)
        #expect(try together[0].get() == alone && together[2].get() == alone)
        #expect(alone.gradient != nil && alone.scores != nil)
    }

    @Test func samplesOutsideTheUnitRangeAreNotedAndThoseInsideAreNot() throws {
        let predictor = try predictor.get()
        let outside = try predictor.predict([item(1.25, nil)])[0].get()
        #expect(outside.notes.contains(.pixelRange(minimum: 1.25, maximum: 1.25)))
        let inside = try predictor.predict([item(1, nil)])[0].get()
        #expect(!inside.notes.contains { $0.kind == "pixel_range" })
    }
}
