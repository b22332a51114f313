import RewardModel
import RewardServer
import Testing

@Suite struct RewardHistoryTests {
    private func scores(_ value: Float) -> Scores {
        Scores(plausibility: value, alignment: value, aesthetics: 1 - value, overall: 0.5)
    }

    @Test func aWholeRunFitsItsColumnsAndLosesNothing() {
        var history = RewardHistory(.run, width: .seconds(10), capacity: 8)
        var count = 0
        for second in stride(from: 0, to: 100_000, by: 7) {
            history.add([scores(Float(second % 100) / 100)], failed: second % 3 == 0 ? 1 : 0, at: .seconds(second))
            count += 1
            #expect(history.columns.count <= 8 && history.columns.allSatisfy { $0.index < 8 })
        }
        #expect(history.columns.reduce(0) { $0 + $1.count } == count)
        #expect(history.columns.reduce(0) { $0 + $1.counts[0].reduce(0, +) } == count)
        #expect(history.columns.reduce(0) { $0 + $1.failed } == (count + 2) / 3)
        #expect(history.width == .seconds(10 * 2048), "the width doubled until 100,000 s fitted into 8 columns")
        #expect(history.columns.map(\.index) == history.columns.map(\.index).sorted())
        #expect(abs(history.columns[0].means[0] - 0.495) < 0.01)
        #expect(abs(history.columns[0].deviations[0] - 0.2887) < 0.01 && history.columns[0].deviations[3] < 1e-6)
    }

    @Test func recentColumnsDropTheOldest() {
        var history = RewardHistory(.recent, width: .seconds(10), capacity: 3)
        for second in [0, 5, 12, 25, 39] { history.add([scores(0.1)], failed: 0, at: .seconds(second)) }
        #expect(history.columns.map(\.index) == [1, 2, 3] && history.columns.map(\.count) == [1, 1, 1])
        history.add([scores(1), scores(0)], failed: 2, at: .seconds(1000))
        #expect(history.columns.map(\.index) == [100] && history.width == .seconds(10))
        #expect(
            history.columns[0].counts[0].first == 1 && history.columns[0].counts[0].last == 1, "the ends are inside")
    }
}
