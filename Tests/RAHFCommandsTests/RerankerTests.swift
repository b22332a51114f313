import RAHFCommands
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// Answers by what is painted into a picture: pixel 0 is plausibility, alignment and overall in hundredths, pixel 1's
/// red is the implausibility of the whole map.
private struct PaintedScorer: Scorer {
    let info = ModelInfo(
        name: "painted", digest: "", config: .tiny(.multiHead, vocabSize: 100), parameterCount: 0, heatmapSize: 2)

    func predict(_ items: [PredictionItem]) -> [Result<Prediction, Failure>] {
        items.map { item in
            let pixels = item.image.octets.map { Float($0) / 100 }
            guard pixels[0] <= 1 else { return .failure(Failure(.nonFiniteResult, "painted to fail")) }
            let scores = Scores(plausibility: pixels[0], alignment: pixels[1], aesthetics: 0.5, overall: pixels[2])
            let map = Heatmap(width: 2, height: 2, values: [Float](repeating: pixels[3], count: 4))
            return .success(Prediction(scores: scores, heatmaps: [.implausibility: map]))
        }
    }
}

@Suite struct RerankerTests {
    /// A grey picture whose first row, which the mask covers, carries the figures.
    private static func picture(
        _ plausibility: UInt8, _ alignment: UInt8, _ overall: UInt8, _ implausibility: UInt8, outside: UInt8 = 90,
        changed: Int = 0
    ) -> Image {
        var rgb = [UInt8](repeating: 90, count: 20 * 20 * 3)
        rgb[0] = plausibility
        rgb[1] = alignment
        rgb[2] = overall
        rgb[3] = implausibility
        for pixel in 0..<changed { rgb[(20 + pixel) * 3 + 1] = outside }
        return Image(width: 20, height: 20, rgb: rgb)
    }

    private static let mask = Mask(
        width: 20, height: 20, values: (0..<400).map { $0 < 20 ? 255 : 0 })
    private static let original = picture(50, 60, 50, 40)

    private static func rank(
        _ images: [Image], options: RerankOptions = RerankOptions()
    ) throws -> Ranking {
        try Reranker(scorer: PaintedScorer(), options: options).rank(
            original: original, mask: mask, prompt: "x",
            candidates: images.enumerated().map { Candidate(path: "\($0.offset)", image: $0.element) })
    }

    @Test func theMostPlausibleRepaintWins() throws {
        let ranking = try Self.rank([
            Self.picture(60, 60, 50, 20), Self.picture(80, 60, 50, 30), Self.picture(70, 60, 50, 10),
        ])
        #expect(ranking.winner?.candidate.path == "1")
        #expect(ranking.entries.map(\.candidate.path) == ["1", "2", "0"])
        expectClose([ranking.original.maskedImplausibility], [0.4], absolute: 1e-6)
    }

    @Test func theOriginalWinsWhenNoneIsBetter() throws {
        let ranking = try Self.rank([Self.picture(50, 60, 90, 20), Self.picture(49, 90, 90, 0)])
        #expect(ranking.winner == nil)
        #expect(ranking.entries.allSatisfy { $0.objections == [.notMorePlausible] })
    }

    @Test func eachGuardrailRejectsTheMostPlausible() throws {
        let fair = Self.picture(55, 60, 50, 39)
        let cases: [(Image, Objection)] = [
            (Self.picture(90, 54, 50, 10), .lessAligned), (Self.picture(90, 60, 50, 40), .notRepaired),
            (Self.picture(90, 60, 50, 10, outside: 99, changed: 1), .outsideChanged),
        ]
        for (image, objection) in cases {
            let ranking = try Self.rank([image, fair])
            #expect(ranking.winner?.candidate.path == "1")
            #expect(ranking.entries.last?.objections == [objection])
        }
    }

    @Test func tolerancesAreInclusive() throws {
        // Five hundredths of alignment, eight levels, and a share of 380 outside pixels.
        #expect(try Self.rank([Self.picture(90, 56, 50, 10)]).winner != nil)
        #expect(try Self.rank([Self.picture(90, 60, 50, 10, outside: 98, changed: 380)]).winner != nil)
        var options = RerankOptions()
        options.outsideShare = 19 / 380
        #expect(
            try Self.rank([Self.picture(90, 60, 50, 10, outside: 120, changed: 19)], options: options).winner != nil)
        #expect(
            try Self.rank([Self.picture(90, 60, 50, 10, outside: 120, changed: 20)], options: options).winner == nil)
    }

    @Test func tiesBreakTheSameWayInEveryOrder() throws {
        let tied = [
            Self.picture(80, 60, 50, 20), Self.picture(80, 60, 70, 30), Self.picture(80, 60, 70, 10),
            Self.picture(80, 90, 60, 0),
        ]
        for shift in 0..<4 {
            let turned = Array(tied[shift...] + tied[..<shift])
            #expect(try Self.rank(turned).winner?.candidate.image == tied[2])
        }
        // Nothing but the order tells these apart.
        #expect(try Self.rank([tied[0], tied[0]]).winner?.candidate.path == "0")
    }

    @Test func aFailedCandidateIsReportedAndTheOthersAreRanked() throws {
        let candidates = [
            Candidate(path: "a", problem: "the command exited with 1"),
            Candidate(path: "b", image: Image(width: 10, height: 10, rgb: [UInt8](repeating: 0, count: 300))),
            Candidate(path: "c", image: Self.picture(255, 60, 50, 0)),
            Candidate(path: "d", image: Self.picture(60, 60, 50, 20)),
        ]
        let ranking = try Reranker(scorer: PaintedScorer()).rank(
            original: Self.original, mask: Self.mask, prompt: "x", candidates: candidates)
        #expect(ranking.entries.map(\.candidate.path) == ["d", "a", "b", "c"])
        #expect(
            ranking.entries.dropFirst().map(\.candidate.problem) == [
                "the command exited with 1", "it is 10×10; the original is 20×20", "non_finite_result: painted to fail",
            ])
    }

    @Test func aMaskThatDoesNotFitIsRefused() {
        let reranker = Reranker(scorer: PaintedScorer())
        for mask in [
            Mask(width: 20, height: 20), Mask(width: 19, height: 20, values: [UInt8](repeating: 1, count: 380)),
        ] {
            #expect(throws: Failure.self) {
                try reranker.rank(original: Self.original, mask: mask, prompt: "x", candidates: [])
            }
        }
    }
}
