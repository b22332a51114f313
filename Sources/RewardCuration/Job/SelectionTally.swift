import RewardSelection

/// What is counted while selecting.
struct SelectionTally: Sendable {
    /// Candidates by their reason's place.
    private var drops = [Int](repeating: 0, count: DropReason.allCases.count)
    var kept = 0
    /// Prompts by their number of candidates.
    var promptsByCandidates: [Int: Int] = [:]
    /// Prompts by how many of their candidates were kept.
    var promptsByKept: [Int: Int] = [:]
    var pairs = 0
    var random = 0
    var keptScores: ScoreSummary
    var droppedScores: ScoreSummary

    init(rule: SelectionRule) {
        keptScores = ScoreSummary(range: rule.formula.range)
        droppedScores = keptScores
    }

    mutating func merge(_ other: SelectionTally) {
        for place in drops.indices { drops[place] += other.drops[place] }
        kept += other.kept
        promptsByCandidates.merge(other.promptsByCandidates, uniquingKeysWith: +)
        promptsByKept.merge(other.promptsByKept, uniquingKeysWith: +)
        pairs += other.pairs
        random += other.random
        keptScores.merge(other.keptScores)
        droppedScores.merge(other.droppedScores)
    }

    /// How many candidates were dropped for a reason.
    func dropped(_ reason: DropReason) -> Int { drops[reason.place] }

    /// How many were dropped for any.
    var totalDropped: Int { drops.reduce(0, +) }

    mutating func keep(_ record: CandidateRecord) {
        kept += 1
        keptScores.add(record)
    }

    mutating func drop(_ record: CandidateRecord, _ reason: DropReason) {
        drops[reason.place] += 1
        droppedScores.add(record)
    }
}

/// The rank value's distribution, and each score's.
struct ScoreSummary: Sendable {
    var value: ScoreHistogram
    var scores = VectorHistogram()

    init(range: ClosedRange<Double>) {
        value = ScoreHistogram(range: range)
    }

    mutating func add(_ record: CandidateRecord) {
        value.add(record.value)
        scores.add(record.scoreVector)
    }

    mutating func merge(_ other: ScoreSummary) {
        value.merge(other.value)
        scores.merge(other.scores)
    }
}
