import RewardSelection
import Testing

@Suite struct CutTests {
    @Test func theCutKeepsWhatSortingKeeps() {
        for seed in UInt64(1)...200 {
            var dice = Dice(seed)
            let values = (0..<(1 + dice.next(50))).map { _ in dice.score() * 2 - 1 }
            let fraction = Double(1 + dice.next(10)) / 10
            let count = TopFraction.kept(fraction, of: values.count)
            let cut = TopFraction.cut(keeping: count) { take in values.forEach { take(TopFraction.key($0)) } }
            let sorted = values.sorted(by: >)
            #expect(cut?.key == TopFraction.key(sorted[count - 1]), "\(seed)")
            #expect(cut?.ties == sorted[..<count].count { $0 == sorted[count - 1] }, "\(seed)")
        }
    }

    @Test func keysSortAsNumbersDo() {
        let values = [-Double.infinity, -2, -1e-300, 0, 1e-300, 0.1, 0.3, 1, .infinity]
        #expect(values.map(TopFraction.key) == values.map(TopFraction.key).sorted())
        #expect(Set(values.map(TopFraction.key)).count == values.count)
        #expect(TopFraction.key(-0.0) == TopFraction.key(0.0))
    }

    @Test(arguments: [(0.1, 10, 1), (0.1, 11, 2), (1, 7, 7), (0.3, 10, 3), (0.001, 3, 1), (0.5, 0, 0)])
    func aFractionIsRoundedUp(fraction: Double, of count: Int, kept: Int) {
        #expect(TopFraction.kept(fraction, of: count) == kept)
    }

    @Test func quantilesAreThoseOfTheSortedValuesToAStep() {
        for seed in UInt64(1)...50 {
            var dice = Dice(seed)
            let values = (0..<(1 + dice.next(500))).map { _ in Double(dice.next(100_000)) / 50_000 - 1 }
            var histogram = ScoreHistogram(range: -1...1)
            values.forEach { histogram.add($0) }
            histogram.add(.nan)
            let sorted = values.sorted()
            for share in [0.05, 0.25, 0.5, 0.75, 0.95, 1] {
                let expected = sorted[max(Int((share * Double(sorted.count)).rounded(.up)), 1) - 1]
                let found = histogram.quantile(share) ?? .nan
                #expect(abs(found - expected) <= 2.0 / 8192 + 1e-12, "\(seed) \(share)")
            }
            #expect(histogram.count == values.count && histogram.bars(64).reduce(0, +) == values.count)
            #expect(histogram.minimum == sorted.first && histogram.maximum == sorted.last)
        }
    }

    @Test func fourHistogramsTogetherAreFourApart() {
        var dice = Dice(11)
        var (together, part) = (VectorHistogram(), VectorHistogram())
        var apart = [ScoreHistogram](repeating: ScoreHistogram(), count: 4)
        for round in 0..<4000 {
            var scores = ScoreVector()
            for index in 0..<4 {
                let special = [0, 1, -0.25, 1.5, .nan, .infinity, -.infinity]
                scores[index] = dice.next(4) == 0 ? special[dice.next(special.count)] : Double(dice.next(100_000)) / 1e5
                apart[index].add(scores[index])
            }
            if round % 3 == 0 { part.add(scores) } else { together.add(scores) }
        }
        together.merge(part)
        for index in 0..<4 { #expect(together[index] == apart[index], "\(index)") }
        #expect(VectorHistogram()[2] == ScoreHistogram())
    }

    @Test func mergingHistogramsIsAddingTheirValues() {
        var (one, other, both) = (ScoreHistogram(), ScoreHistogram(), ScoreHistogram())
        for index in 0..<100 {
            let value = Double(index * 37 % 100) / 100
            if index % 3 == 0 { one.add(value) } else { other.add(value) }
            both.add(value)
        }
        one.merge(other)
        #expect(one == both)
    }

    @Test func aFormulaNeedsOnlyTheScoresItWeighs() {
        let formula = ScoreFormula(weights: [0.5, 0, 0, -0.25])
        #expect(formula.value([1, .nan, .nan, 1]) == 0.25)
        #expect(formula.value([.nan, 1, 1, 1]).isNaN)
        #expect(formula.range == -0.25...0.5)
        var rule = SelectionRule()
        rule.minimums[1] = 0.5
        #expect(rule.canJudge([0.1, 0.2, .nan, .nan]) && !rule.canJudge([0.1, .nan, 1, 1]))
    }
}
