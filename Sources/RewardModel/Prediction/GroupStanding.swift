/// How one item's score stands among those of its group: what trainers that compare the images of one prompt (GRPO)
/// make their advantages from.
public struct Standing: Sendable, Equatable {
    /// The group's mean.
    public var mean: Float
    /// The group's sample standard deviation (divided by n - 1, as `torch.std`); 0 for a single item.
    public var standardDeviation: Float
    /// (score - mean) / (standard deviation + `epsilon`).
    public var zScore: Float
    /// 1 is the highest score; equal scores share the mean of their ranks.
    public var rank: Float

    /// What keeps z-scores finite where all scores are equal. GRPO trainers add as much.
    public static let epsilon = 1e-4

    public init(mean: Float, standardDeviation: Float, zScore: Float, rank: Float) {
        self.mean = mean
        self.standardDeviation = standardDeviation
        self.zScore = zScore
        self.rank = rank
    }

    /// The standing of each score of a group, in order. Scores are finite.
    ///
    /// Computed in double precision over the sorted scores, so that no bit depends on their order; then rounded.
    public static func all(of scores: [Float]) -> [Standing] {
        guard !scores.isEmpty else { return [] }
        let sorted = scores.sorted()
        let count = Double(sorted.count)
        let mean = sorted.reduce(0.0) { $0 + Double($1) } / count
        let squares = sorted.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        // The sum of equal scores, divided, may miss them by a rounding.
        let isConstant = sorted.first == sorted.last
        let deviation = isConstant ? 0 : (squares / (count - 1)).squareRoot()
        return scores.map { score in
            let below = sorted.partitioningIndex { $0 >= score }
            let upTo = sorted.partitioningIndex { $0 > score }
            // Ranks of equal scores run from count - upTo + 1 to count - below.
            let rank = (Double(sorted.count - upTo + 1) + Double(sorted.count - below)) / 2
            return Standing(
                mean: isConstant ? score : Float(mean), standardDeviation: Float(deviation),
                zScore: isConstant ? 0 : Float((Double(score) - mean) / (deviation + epsilon)), rank: Float(rank))
        }
    }
}

/// How an item's four scores stand in its group.
public struct GroupStanding: Sendable, Equatable {
    /// Items of the group with scores, this one included.
    public var scored: Int
    /// Items of the group that failed; they are in no statistic.
    public var failed: Int
    public var plausibility: Standing
    public var alignment: Standing
    public var aesthetics: Standing
    public var overall: Standing

    public init(
        scored: Int, failed: Int, plausibility: Standing, alignment: Standing, aesthetics: Standing, overall: Standing
    ) {
        self.scored = scored
        self.failed = failed
        self.plausibility = plausibility
        self.alignment = alignment
        self.aesthetics = aesthetics
        self.overall = overall
    }

    public subscript(kind: ScoreKind) -> Standing {
        switch kind {
        case .plausibility: plausibility
        case .alignment: alignment
        case .aesthetics: aesthetics
        case .overall: overall
        }
    }

    /// Each item's standing. Nil for items that failed and for those without a group.
    ///
    /// - Parameters:
    ///   - scores: Each item's; nil where it failed.
    ///   - groups: Each item's group, as long as `scores`; nil for none.
    public static func all<ID: Hashable>(of scores: [Scores?], in groups: [ID?]) -> [GroupStanding?] {
        precondition(scores.count == groups.count, "a group, or none, for each item")
        var members: [ID: [Int]] = [:]
        for (index, group) in groups.enumerated() {
            if let group { members[group, default: []].append(index) }
        }
        var result = [GroupStanding?](repeating: nil, count: scores.count)
        for indices in members.values {
            let found = indices.compactMap { index in scores[index].map { (index, $0) } }
            let columns = ScoreKind.allCases.map { kind in Standing.all(of: found.map { $0.1[kind] }) }
            for (position, (index, _)) in found.enumerated() {
                result[index] = GroupStanding(
                    scored: found.count, failed: indices.count - found.count, plausibility: columns[0][position],
                    alignment: columns[1][position], aesthetics: columns[2][position], overall: columns[3][position])
            }
        }
        return result
    }
}

extension Scorer {
    /// Answers items, and how each stands in its group: the numbers of a server's reply, bit for bit.
    ///
    /// Every item with a group needs `scores` among its outputs; where it does not ask for them, it has no standing.
    public func predict<ID: Hashable>(
        _ items: [PredictionItem], groups: [ID?]
    ) -> [(result: Result<Prediction, Failure>, standing: GroupStanding?)] {
        let results = predict(items)
        let standings = GroupStanding.all(of: results.map { try? $0.get().scores }, in: groups)
        return zip(results, standings).map { ($0, $1) }
    }
}

extension Array {
    /// The first index for which `isPast` holds, in an array where it holds from some place on.
    fileprivate func partitioningIndex(where isPast: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isPast(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
