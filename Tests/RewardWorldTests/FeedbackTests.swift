import RewardData
import RewardImage
import RewardModel
import RewardTestSupport
import RewardWorld
import Testing

/// True scores follow their stated rules, and annotators scatter about them.
@Suite struct FeedbackTests {
    @Test func plausibilityFollowsTheFormula() {
        #expect(TrueScores.plausibility(nil) == 1)
        let change = TrueScores.Change(area: 0.05, visibleShare: 0.5, meanChange: 30)
        // 1 − (0.35 + 0.65 (1 − e^−0.8)), with 12 · 0.05 · 0.5 + 30 / 60 = 0.8.
        #expect(abs(TrueScores.plausibility(change) - 0.292_064) < 1e-5)
    }

    @Test func alignmentFallsWithTheShareOfFalseFacts() {
        func truth(_ wrong: Int, _ facts: Int) -> PromptTruth {
            PromptTruth(prompt: "", contradicted: [], facts: facts, falseFacts: wrong)
        }
        #expect(TrueScores.alignment(truth(0, 4)) == 1)
        #expect(TrueScores.alignment(truth(1, 4)) == 0.5625)
        #expect(TrueScores.alignment(truth(4, 4)) == 0)
    }

    /// Blur, noise and compression cost, and so do darkness and flatness, which the picture itself shows.
    @Test func blemishesCost() {
        var canvas = Canvas(width: 64, height: 64)
        for index in canvas.pixels.indices {
            let level: Float = (index / 8 + index / 512) % 2 == 0 ? 0.2 : 0.8
            canvas.pixels[index] = SIMD4(level, level * 0.6, level * 0.3, 0)
        }
        var random = WorldRandom(seed: 0, index: 0, purpose: .finish)
        var plain = Finish(keepsColours: false, &random)
        (plain.blur, plain.noise, plain.quality) = (0, 0, nil)
        let best = TrueScores.Blemishes(canvas, plain).cost
        for change in [
            { (finish: inout Finish) in finish.blur = 1.5 }, { $0.noise = 0.06 }, { $0.quality = 20 },
        ] {
            var finish = plain
            change(&finish)
            #expect(TrueScores.Blemishes(canvas, finish).cost > best + 0.1)
        }
        var dark = canvas
        for index in dark.pixels.indices { dark.pixels[index] *= 0.15 }
        #expect(TrueScores.Blemishes(dark, plain).cost > best + 0.3)
    }

    private static func sight(_ plausibility: Float, damaged: Bool) -> SimulatedAnnotators.Sight {
        var weights = [Float](repeating: 0, count: 192 * 192)
        for y in 60..<110 { for x in 80..<130 { weights[y * 192 + x] = 1 } }
        return SimulatedAnnotators.Sight(
            size: 192,
            scores: Scores(plausibility: plausibility, alignment: 0.5, aesthetics: 0.75, overall: 0.4),
            implausible: damaged ? weights : nil, misaligned: nil, wordCount: 8, contradicted: [2, 5])
    }

    private static func panels(_ count: Int, _ sight: SimulatedAnnotators.Sight) -> [[Annotation]] {
        (0..<count).map { index in
            var random = WorldRandom(seed: 3, index: index, purpose: .annotators)
            return SimulatedAnnotators.annotate(sight, &random)
        }
    }

    @Test func threeAnnotatorsAgreeAboutTheTruthButNotAlways() {
        let panels = Self.panels(1500, Self.sight(0.5, damaged: true))
        #expect(panels.allSatisfy { $0.count == 3 && $0.filter(\.skipped).count <= 1 })
        let skips = Float(panels.joined().filter(\.skipped).count) / 4500
        #expect(skips > 0.004 && skips < 0.02)
        let given = panels.joined().filter { !$0.skipped }
        let means = [\Annotation.plausibility, \.alignment, \.aesthetics].map { score in
            Float(given.map { $0[keyPath: score] }.reduce(0, +)) / Float(given.count)
        }
        expectClose(means, [3, 3, 4], absolute: 0.06, "Likert means")
        let unanimous = panels.filter { Set($0.map(\.plausibility)).count == 1 }.count
        #expect(unanimous > 150 && unanimous < 900)
    }

    @Test func wordsAreMostlyMarkedWhereTheyShouldBe() {
        let given = Self.panels(1500, Self.sight(0.5, damaged: true)).joined().filter { !$0.skipped }
        let hits = Float(given.filter { $0.words.contains(2) }.count) / Float(given.count)
        let strays = Float(given.filter { $0.words.contains(3) }.count) / Float(given.count)
        #expect(hits > 0.87 && hits < 0.93)
        #expect(strays > 0.002 && strays < 0.016)
    }

    @Test func pointsLieInTheDamageAndCoverIt() throws {
        let panels = Self.panels(200, Self.sight(0.5, damaged: true))
        let points = panels.joined().flatMap(\.implausible)
        let near = points.filter { (70...140).contains($0.x) && (50...120).contains($0.y) }.count
        #expect(Float(near) / Float(points.count) > 0.97)
        var covered: Float = 0
        for (index, panel) in panels.enumerated() {
            let record = try Consolidation.consolidate(
                AnnotatedImage(
                    filename: "\(index).png", prompt: "a b c d e f g h", width: 192, height: 192, annotations: panel))
            let map = try #require(record.implausibility)
            for y in 60..<110 { for x in 80..<130 { covered += map.values[y * 192 + x] } }
        }
        #expect(covered / Float(200 * 50 * 50) > 0.5)
    }

    @Test func undamagedPicturesStayUnmarkedButForStrays() {
        let given = Self.panels(1500, Self.sight(1, damaged: false)).joined().filter { !$0.skipped }
        let marked = Float(given.filter { !$0.implausible.isEmpty }.count) / Float(given.count)
        #expect(marked > 0.005 && marked < 0.04)
    }
}
