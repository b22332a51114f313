import RewardModel
import RewardRandom
import RewardTestSupport
import Testing

@Suite struct GroupStandingTests {
    /// Seeded scores with ties: few values for many items.
    private static func scores(_ seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed)
        let (count, steps) = (Int(random.next() % 30) + 2, random.next() % 40 + 1)
        return (0..<count).map { _ in Float(random.next() % (steps + 1)) / Float(steps) }
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func everyStandingIsWhatItsDefinitionSays(seed: UInt64) {
        let scores = Self.scores(seed)
        let count = Double(scores.count)
        let mean = scores.reduce(0.0) { $0 + Double($1) } / count
        let variance = scores.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / (count - 1)
        let deviation = Set(scores).count == 1 ? 0 : variance.squareRoot()
        let standings = Standing.all(of: scores)
        let expected = scores.map { Float((Double($0) - mean) / (deviation + 1e-4)) }
        expectClose(standings.map(\.zScore), expected, absolute: 1e-5, "z-scores")
        expectClose(
            standings.map(\.standardDeviation), scores.map { _ in Float(deviation) }, absolute: 1e-7, "deviations")
        for (score, standing) in zip(scores, standings) {
            let (above, equal) = (scores.count { $0 > score }, scores.count { $0 == score })
            #expect(standing.rank == Float(above) + Float(equal + 1) / 2)
        }
        #expect(standings.reduce(0) { $0 + $1.rank } == Float(scores.count * (scores.count + 1) / 2))
        #expect(abs(standings.reduce(0) { $0 + $1.zScore }) < 1e-3)
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func orderChangesNoBit(seed: UInt64) {
        let scores = Self.scores(seed)
        var random = SplitMix64(seed: seed &+ 1000)
        let order = scores.indices.shuffled(using: &random)
        let (straight, shuffled) = (Standing.all(of: scores), Standing.all(of: order.map { scores[$0] }))
        #expect(shuffled == order.map { straight[$0] })
    }

    @Test func equalScoresAndSingleOnesHaveNoAdvantage() {
        for scores in [[0.1], [0.7, 0.7, 0.7], [Float](repeating: 0.1, count: 10)] as [[Float]] {
            let rank = Float(scores.count + 1) / 2
            let standing = Standing(mean: scores[0], standardDeviation: 0, zScore: 0, rank: rank)
            #expect(Standing.all(of: scores) == scores.map { _ in standing })
        }
        #expect(Standing.all(of: []).isEmpty)
    }

    @Test func nearlyEqualScoresStayFinite() {
        let standings = Standing.all(of: [0.5, (0.5 as Float).nextUp])
        #expect(standings.allSatisfy { $0.zScore.isFinite && $0.standardDeviation > 0 })
        #expect(standings.map(\.rank) == [2, 1])
    }

    @Test func failedItemsAreCountedAndInNoNumber() throws {
        func scores(_ value: Float) -> Scores {
            Scores(plausibility: value, alignment: 1 - value, aesthetics: 0.5, overall: value)
        }
        let found: [Scores?] = [scores(0.2), nil, scores(0.4), scores(0.9), nil, scores(0.7)]
        let groups = ["a", "a", "a", nil, "b", "c"]
        let standings = GroupStanding.all(of: found, in: groups)
        #expect(standings.map { $0 == nil } == [false, true, false, true, true, false])
        let first = try #require(standings[0])
        #expect(first.scored == 2 && first.failed == 1)
        for kind in ScoreKind.allCases {
            let own = [0, 2].compactMap { found[$0]?[kind] }
            #expect(Standing.all(of: own) == [0, 2].compactMap { standings[$0]?[kind] })
        }
        #expect(first.plausibility.rank == 2 && first.alignment.rank == 1 && first.aesthetics.rank == 1.5)
        let alone = try #require(standings[5])
        #expect(alone.scored == 1 && alone.failed == 0 && alone.overall.zScore == 0)
    }
}
