import RewardSelection
import Testing

/// A small generator, so that a failing case can be run again.
struct Dice {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state >> 33) % bound
    }

    /// In [0, 1], from few values: ties are common.
    mutating func score() -> Double { Double(next(9)) / 8 }
}

/// A prompt's candidates with names, images and a rule, all at random.
struct RandomGroup {
    var names: [String]
    var candidates: [GroupCandidate]
    var prints: [Fingerprint]
    var broken: Set<String>
    var rule: SelectionRule

    init(_ seed: UInt64) {
        var dice = Dice(seed)
        rule = SelectionRule()
        rule.formula = ScoreFormula(weights: [1, Double(dice.next(3)) - 1, 0, 0.5])
        rule.threshold = dice.next(3) == 0 ? nil : dice.score()
        if dice.next(2) == 0 { rule.minimums[1] = dice.score() }
        rule.best = 1 + dice.next(3)
        if dice.next(3) == 0 { rule.minimumMargin = dice.score() - 0.3 }
        rule.deduplicates = dice.next(2) == 0
        rule.pairing = [nil, .bestWorst, .bestSecond][dice.next(3)]
        rule.choosesRandomControl = dice.next(2) == 0
        let count = 1 + dice.next(9)
        names = (0..<count).map { "image-\($0)" }
        var candidates: [GroupCandidate] = []
        prints = []
        broken = []
        for name in names {
            let scores: ScoreVector = [dice.score(), dice.score(), dice.score(), dice.score()]
            candidates.append(
                GroupCandidate(
                    scores: scores, value: rule.formula.value(scores),
                    unusable: dice.next(8) == 0 ? .missingImage : nil, randomKey: UInt64(dice.next(1000))))
            prints.append(Fingerprint(content: [UInt8(dice.next(4))], perceptual: UInt64(dice.next(3)) * 0xff))
            if dice.next(6) == 0 { broken.insert(name) }
        }
        self.candidates = candidates
    }

    func shuffled(_ seed: UInt64) -> RandomGroup {
        var dice = Dice(seed)
        var order = Array(names.indices)
        for index in order.indices.reversed() { order.swapAt(index, dice.next(index + 1)) }
        var copy = self
        copy.names = order.map { names[$0] }
        copy.candidates = order.map { candidates[$0] }
        copy.prints = order.map { prints[$0] }
        return copy
    }

    struct Named: Equatable {
        var kept: [String]
        var dropped: [String: DropReason]
        var loser: String?
        var random: [String]
    }

    func select() -> Named {
        var looked: Set<Int> = []
        let outcome = GroupSelector(rule: rule).select(candidates) {
            names[$0] < names[$1]
        } inspect: { index in
            #expect(looked.insert(index).inserted, "an image is looked at once")
            return broken.contains(names[index]) ? .unusable(.brokenImage) : .usable(prints[index])
        }
        var dropped: [String: DropReason] = [:]
        for (index, reason) in outcome.dropped.enumerated() { dropped[names[index]] = reason }
        return Named(
            kept: outcome.kept.map { names[$0] }, dropped: dropped, loser: outcome.loser.map { names[$0] },
            random: outcome.random.map { names[$0] })
    }
}

@Suite struct GroupSelectorTests {
    private static let seeds = Array<UInt64>(1...2000)

    private func select(_ values: [Double], _ change: (inout SelectionRule) -> Void = { _ in }) -> GroupOutcome {
        var rule = SelectionRule()
        change(&rule)
        let candidates = values.map { GroupCandidate(scores: [$0, $0, $0, $0], value: $0) }
        return GroupSelector(rule: rule).select(candidates) {
            $0 < $1
        } inspect: { _ in
            .usable(nil)
        }
    }

    @Test func byDefaultTheBestIsKeptIfItIsAbovePointEight() {
        #expect(select([0.3, 0.9, 0.85]).kept == [1])
        #expect(select([0.3, 0.9, 0.85]).dropped == [.belowThreshold, nil, .outranked])
        #expect(select([0.8, 0.79]).kept.isEmpty, "0.8 is not above 0.8")
        #expect(select([0.95]).kept == [0], "N may be one")
    }

    @Test func minimumsIncludeTheirBound() {
        #expect(select([0.9]) { $0.minimums[2] = 0.9 }.kept == [0])
        #expect(select([0.9]) { $0.minimums[2] = 0.91 }.dropped == [.belowMinimum])
    }

    @Test func marginIsFromTheMeanOverAllScored() {
        // The mean of 0.9, 0.85 and 0.5 is 0.75.
        #expect(select([0.9, 0.85, 0.5]) { $0.minimumMargin = 0.14 }.kept == [0])
        #expect(select([0.9, 0.85, 0.5]) { $0.minimumMargin = 0.16 }.dropped[0] == .belowMargin)
    }

    @Test func aBrokenWinnerGivesWayToTheNext() {
        let candidates = [0.95, 0.9, 0.85].map { GroupCandidate(scores: [$0, 0, 0, 0], value: $0) }
        let outcome = GroupSelector(rule: SelectionRule()).select(candidates) {
            $0 < $1
        } inspect: {
            $0 == 0 ? .unusable(.missingImage) : .usable(nil)
        }
        #expect(outcome.kept == [1] && outcome.dropped == [.missingImage, nil, .outranked])
    }

    @Test func pairsAreBestAndWorstOrBestAndSecondAndNeverTied() {
        #expect(select([0.9, 0.2, 0.5]) { $0.pairing = .bestWorst }.loser == 1)
        #expect(select([0.9, 0.2, 0.5]) { $0.pairing = .bestSecond }.loser == 2)
        #expect(select([0.9, 0.9]) { $0.pairing = .bestSecond }.loser == nil)
        #expect(select([0.7, 0.2]) { $0.pairing = .bestWorst }.loser == nil, "nothing is kept")
    }

    @Test func nearDuplicatesOfABetterOneAreDropped() {
        var rule = SelectionRule()
        rule.best = 3
        rule.deduplicates = true
        // Four bits apart from the first, then five.
        let prints: [UInt64] = [0, 0b1111, 0b11111]
        let candidates = [0.95, 0.9, 0.85].map { GroupCandidate(scores: [$0, 0, 0, 0], value: $0) }
        let outcome = GroupSelector(rule: rule).select(candidates) {
            $0 < $1
        } inspect: {
            .usable(Fingerprint(content: [UInt8($0)], perceptual: prints[$0]))
        }
        #expect(outcome.kept == [0, 2] && outcome.dropped[1] == .duplicate)
    }

    @Test func theOrderOfCandidatesNeverMatters() {
        for seed in Self.seeds {
            let group = RandomGroup(seed)
            let expected = group.select()
            for shuffle in 1...3 {
                #expect(group.shuffled(seed &* 7 + UInt64(shuffle)).select() == expected, "\(seed)")
            }
        }
    }

    @Test func aHigherThresholdNeverAdds() {
        for seed in Self.seeds {
            var group = RandomGroup(seed)
            let low = Set(group.select().kept)
            group.rule.threshold = (group.rule.threshold ?? 0) + 0.2
            #expect(low.isSuperset(of: group.select().kept), "\(seed)")
        }
    }

    @Test func aHigherMinimumNeverKeepsMore() {
        for seed in Self.seeds {
            var group = RandomGroup(seed)
            // Without duplicates: a dropped best may stand for several that showed the same.
            group.rule.deduplicates = false
            let low = group.select().kept.count
            group.rule.minimums[1] = max(group.rule.minimums[1], 0) + 0.2
            #expect(group.select().kept.count <= low, "\(seed)")
        }
    }

    @Test func everyCandidateIsKeptOrDroppedForAReasonAndNoUnusableOneIsChosen() {
        for seed in Self.seeds {
            let group = RandomGroup(seed)
            let found = group.select()
            #expect(found.kept.count + found.dropped.count == group.names.count)
            #expect(found.kept.count <= group.rule.best)
            #expect(Set(found.kept).isDisjoint(with: found.dropped.keys))
            let unusable = Set(zip(group.names, group.candidates).filter { $0.1.unusable != nil }.map(\.0))
            for chosen in [found.kept, found.random, found.loser.map { [$0] } ?? []] {
                #expect(unusable.union(group.broken).isDisjoint(with: chosen), "\(seed)")
            }
            // A random control as large as what was kept: the kept alone are enough to draw from.
            #expect(found.random.count == (group.rule.choosesRandomControl ? found.kept.count : 0), "\(seed)")
        }
    }

    @Test func keptOnesBeatEveryOneThatWasOnlyOutranked() {
        for seed in Self.seeds {
            let group = RandomGroup(seed)
            let found = group.select()
            let value = Dictionary(uniqueKeysWithValues: zip(group.names, group.candidates.map(\.value)))
            for (name, reason) in found.dropped where reason == .outranked {
                for kept in found.kept {
                    let (a, b) = (value[kept] ?? .nan, value[name] ?? .nan)
                    #expect(a > b || (a == b && kept < name), "\(seed)")
                }
            }
        }
    }
}
