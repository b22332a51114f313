import RewardImage
import RewardModel
import RewardTestSupport
import RewardWire
import Testing

@Suite struct RoundTripTests {
    private static let picture = Image(width: 2, height: 1, rgb: [1, 2, 3, 250, 251, 252] as [UInt8])
    private static let floats = Image(width: 1, height: 2, rgb: [0, 0.1, 0.2, 0.7, 0.8, -0.5] as [Float])

    private func roundTrip(_ items: [PredictionItem], timeout: Duration? = nil) throws -> [PredictionItem] {
        let message = try RequestMessage(
            frames: RequestWriter.predict(items, id: [7], timeout: timeout), limits: MessageLimits())
        #expect(message.id == [7] && message.timeout == timeout)
        guard case .predict(let received) = message.action else { return [] }
        return try received.map { try $0.decode(limits: MessageLimits()) }
    }

    @Test func itemsArriveAsTheyWereSent() throws {
        let sent = [
            PredictionItem(image: Self.picture, prompt: "ein Käfer 🐞", outputs: [.scores, .words]),
            PredictionItem(image: Self.floats, prompt: "a", outputs: .heatmaps),
        ]
        let received = try roundTrip(sent, timeout: .milliseconds(1500))
        #expect(received.map(\.image) == sent.map(\.image))
        #expect(received.map(\.prompt) == sent.map(\.prompt))
        #expect(received.map(\.outputs) == sent.map(\.outputs))
    }

    @Test func objectivesArriveAsTheyWereSent() throws {
        let mask = Heatmap(width: 2, height: 1, values: [0.25, 1])
        let objective = Objective(
            scoreWeights: [.overall: -1.5, .plausibility: 0],
            heatmapTerms: [
                HeatmapTerm(heatmap: .misalignment, weight: 2, reduction: .mass, mask: mask),
                HeatmapTerm(heatmap: .implausibility, weight: 3),
            ])
        let item = PredictionItem(image: Self.picture, prompt: "a", outputs: [], objective: objective)
        #expect(try roundTrip([item])[0].objective == objective)
    }

    private func reply(_ answers: [ItemAnswer]) throws -> [Result<Prediction, Failure>] {
        let predictor = try Predictor.load(folder: Fixtures.path("RewardModelTests", "golden-multi-port"))
        let writer = ReplyWriter(
            model: predictor.info, limits: MessageLimits(),
            queue: .init(
                maxBatch: 8, maxQueuedItems: 1, maxQueuedBytes: 1, maxClients: 1, maxUnreadBytes: 1,
                maxWrongPerSecond: 1, maxPartialBytes: 1))
        let frames = writer.answers([1], answers, timings: WireTimings())
        return try ReplyMessage(frames: frames).predictions(count: answers.count)
    }

    private static let prediction = Prediction(
        scores: Scores(plausibility: 0, alignment: 1, aesthetics: 0.1, overall: 0.2),
        heatmaps: [
            .implausibility: Heatmap(width: 2, height: 1, values: [0.1, 0.9]),
            .misalignment: Heatmap(width: 2, height: 1, values: [0, 1]),
        ],
        words: WordPrediction(
            words: [PredictedWord(word: "a", start: 0, end: 1, misaligned: true)], decodedText: "a_0"),
        gradient: PixelGradient(
            width: 1, height: 1, objective: -2, values: [1e-9, -3e-9, 2e-30], norm: 4e-9),
        notes: [
            .resized(fromWidth: 1, fromHeight: 2, toWidth: 3, toHeight: 4), .greyscale, .alphaDropped,
            .exifOrientation(6), .cmyk, .sampleDepth(16), .pixelRange(minimum: -1, maximum: 2), .promptCleaned,
            .wordsCutShort(predicted: 1, of: 2), .wordsRealigned, .untrainedModel, .other("new"),
        ])

    @Test func answersArriveBitForBitAndFailuresBesideThem() throws {
        let failure = Failure(.invalidImage, "png: broken")
        let results = try reply([ItemAnswer(Self.prediction), ItemAnswer(failure), ItemAnswer(Self.prediction)])
        #expect(try results[0].get() == Self.prediction && results[1] == .failure(failure))
        #expect(try results[2].get() == Self.prediction, "frames after another item's")
    }

    @Test func smallerTypesKeepWhatTheyCan() throws {
        let answer = ItemAnswer(Self.prediction, heatmaps: .u8, gradient: .f16)
        #expect(answer.frames.map(\.count) == [2, 2, 6])
        let received = try reply([answer])[0].get()
        let map = try #require(received.heatmaps?[.implausibility])
        expectClose(map.values, [0.1, 0.9], absolute: 0.51 / 255, "8-bit heatmap")
        // Values far below half precision's smallest survive by the scale; what is 2^21 times smaller becomes 0.
        let gradient = try #require(received.gradient)
        expectClose(gradient.values, [1e-9, -3e-9, 0], absolute: 3e-12, "half-precision gradient")
        #expect(gradient.values[2] == 0 && gradient.values[0] > 0)
    }

    @Test func aReplyForAnotherNumberOfItemsIsNotUsed() throws {
        #expect(throws: Failure.self) {
            let writer = try self.reply([ItemAnswer(Self.prediction)])
            _ = writer
            let vector = try #require(Vector.replies.first { $0.name == "everything" })
            _ = try ReplyMessage(frames: vector.frames).predictions(count: 3)
        }
    }
}
