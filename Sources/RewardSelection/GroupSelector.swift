/// One candidate of a prompt, as far as the rule is concerned.
public struct GroupCandidate: Sendable, Equatable {
    public var scores: ScoreVector
    /// The formula's value; not NaN unless `unusable` says why.
    public var value: Double
    public var unusable: DropReason?
    /// A number drawn from the control's seed and the candidate's name, whatever its place in the list.
    public var randomKey: UInt64

    public init(scores: ScoreVector, value: Double, unusable: DropReason? = nil, randomKey: UInt64 = 0) {
        self.scores = scores
        self.value = value
        self.unusable = unusable
        self.randomKey = randomKey
    }
}

/// What an image shows, to tell duplicates.
public struct Fingerprint: Sendable, Equatable {
    /// A hash of the file's bytes.
    public var content: [UInt8]
    /// A 64-bit difference hash.
    public var perceptual: UInt64

    /// Most differing bits of two pictures that count as one.
    public static let nearDistance = 4

    public init(content: [UInt8], perceptual: UInt64) {
        self.content = content
        self.perceptual = perceptual
    }

    public func shows(_ other: Fingerprint) -> Bool {
        content == other.content || (perceptual ^ other.perceptual).nonzeroBitCount <= Self.nearDistance
    }
}

/// What a look at a candidate's image found.
public enum Inspection: Sendable, Equatable {
    case unusable(DropReason)
    /// The fingerprint is needed only by rules that drop duplicates.
    case usable(Fingerprint?)
}

/// The rule's verdict on one prompt's candidates. Numbers are places in the array given.
public struct GroupOutcome: Sendable, Equatable {
    /// From the best down.
    public var kept: [Int] = []
    /// Nil for the kept.
    public var dropped: [DropReason?] = []
    /// The loser to the first of `kept`.
    public var loser: Int?
    /// As many as are kept, drawn from all usable candidates.
    public var random: [Int] = []
}

/// Applies a rule to one prompt's candidates. The order they come in never matters.
public struct GroupSelector: Sendable {
    public let rule: SelectionRule

    public init(rule: SelectionRule) {
        self.rule = rule
    }

    /// Selects.
    ///
    /// - Parameters:
    ///   - precedes: breaks ties between two candidates of one value: true when the first's name sorts first.
    ///   - inspect: looks at an image. Called at most once per candidate, and only for those about to be chosen.
    public func select(
        _ candidates: [GroupCandidate], precedes: (Int, Int) throws -> Bool, inspect: (Int) throws -> Inspection
    ) rethrows -> GroupOutcome {
        var outcome = GroupOutcome()
        outcome.dropped = candidates.map(\.unusable)
        var ranked = candidates.indices.filter { candidates[$0].unusable == nil }
        try ranked.sort { one, other in
            let (a, b) = (candidates[one].value, candidates[other].value)
            return a == b ? try precedes(one, other) : a > b
        }
        // Summed from the best down, so that the mean's bits do not depend on the list's order.
        let mean = ranked.reduce(0) { $0 + candidates[$1].value } / Double(max(ranked.count, 1))
        // Only losers and the random control can meet a candidate a second time.
        let remembers = rule.pairing != nil || rule.choosesRandomControl
        var looks: [Int: Inspection] = [:]
        func look(_ index: Int) throws -> Inspection {
            if remembers, let known = looks[index] { return known }
            let found = try inspect(index)
            if remembers { looks[index] = found }
            return found
        }
        var shown: [Fingerprint] = []
        for index in ranked {
            if let reason = reason(against: candidates[index], mean: mean) {
                outcome.dropped[index] = reason
            } else if outcome.kept.count == rule.best {
                outcome.dropped[index] = .outranked
            } else {
                switch try look(index) {
                case .unusable(let reason): outcome.dropped[index] = reason
                case .usable(let fingerprint):
                    if rule.deduplicates, let fingerprint {
                        guard !shown.contains(where: fingerprint.shows) else {
                            outcome.dropped[index] = .duplicate
                            continue
                        }
                        shown.append(fingerprint)
                    }
                    outcome.kept.append(index)
                }
            }
        }
        guard let winner = outcome.kept.first else { return outcome }
        if let pairing = rule.pairing {
            let order = pairing == .bestWorst ? ranked.reversed() : ranked
            for index in order where candidates[index].value < candidates[winner].value {
                guard case .usable(let fingerprint) = try look(index) else { continue }
                if rule.deduplicates, let fingerprint, let first = shown.first, fingerprint.shows(first) { continue }
                outcome.loser = index
                break
            }
        }
        if rule.choosesRandomControl {
            let drawn = try ranked.sorted { one, other in
                let (a, b) = (candidates[one].randomKey, candidates[other].randomKey)
                return a == b ? try precedes(one, other) : a < b
            }
            for index in drawn where outcome.random.count < outcome.kept.count {
                if case .usable = try look(index) { outcome.random.append(index) }
            }
        }
        return outcome
    }

    private func reason(against candidate: GroupCandidate, mean: Double) -> DropReason? {
        if let threshold = rule.threshold, !(candidate.value > threshold) { return .belowThreshold }
        for index in 0..<4 where rule.minimums[index] > -.infinity && !(candidate.scores[index] >= rule.minimums[index])
        {
            return .belowMinimum
        }
        if let margin = rule.minimumMargin, !(candidate.value - mean >= margin) { return .belowMargin }
        return nil
    }
}
