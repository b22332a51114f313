import RewardSelection

/// What is counted while selecting.
struct SelectionTally: Sendable {
    var dropped: [DropReason: Int] = [:]
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
        dropped.merge(other.dropped, uniquingKeysWith: +)
        kept += other.kept
        promptsByCandidates.merge(other.promptsByCandidates, uniquingKeysWith: +)
        promptsByKept.merge(other.promptsByKept, uniquingKeysWith: +)
        pairs += other.pairs
        random += other.random
        keptScores.merge(other.keptScores)
        droppedScores.merge(other.droppedScores)
    }

    mutating func keep(_ record: CandidateRecord) {
        kept += 1
        keptScores.add(record)
    }

    mutating func drop(_ record: CandidateRecord, _ reason: DropReason) {
        dropped[reason, default: 0] += 1
        droppedScores.add(record)
    }
}

/// The rank value's distribution, and each score's.
struct ScoreSummary: Sendable {
    var value: ScoreHistogram
    var scores = [ScoreHistogram](repeating: ScoreHistogram(), count: 4)

    init(range: ClosedRange<Double>) {
        value = ScoreHistogram(range: range)
    }

    mutating func add(_ record: CandidateRecord) {
        value.add(record.value)
        let vector = record.scoreVector
        for index in 0..<4 { scores[index].add(vector[index]) }
    }

    mutating func merge(_ other: ScoreSummary) {
        value.merge(other.value)
        for index in 0..<4 { scores[index].merge(other.scores[index]) }
    }
}
