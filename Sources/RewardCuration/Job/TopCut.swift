import RewardModel
import RewardSelection

/// The cut that `topFraction` makes through everything kept: by value, and where values tie by a hash of group and
/// image, so that the list's order does not matter.
struct TopCut {
    private var cut: TopFraction.Cut?
    private var tieCut: TopFraction.Cut?

    init(fraction: Double, picks: PartitionedRecords<PickRecord>, kept: Int) throws {
        let count = TopFraction.kept(fraction, of: kept)
        cut = try TopFraction.cut(keeping: count) { take in
            try Self.forEach(picks) { take(TopFraction.key($0.kept.value)) }
        }
        guard let cut else { return }
        tieCut = try TopFraction.cut(keeping: cut.ties) { take in
            try Self.forEach(picks) { pick in
                if TopFraction.key(pick.kept.value) == cut.key { take(Self.tie(pick.kept)) }
            }
        }
    }

    private static func forEach(
        _ picks: PartitionedRecords<PickRecord>, _ body: (PickRecord) throws -> Void
    ) throws {
        for part in 0..<PartitionedRecords<PickRecord>.parts { try picks.load(part).forEach(body) }
    }

    private static func tie(_ record: CandidateRecord) -> UInt64 {
        StableHash.mix(StableHash.mix(record.group.0, record.group.1), record.image)
    }

    func keeps(_ record: CandidateRecord) -> Bool {
        guard let cut, let tieCut else { return false }
        let key = TopFraction.key(record.value)
        return key == cut.key ? Self.tie(record) >= tieCut.key : key > cut.key
    }

    /// Deals the picks that remain by their line, and counts the others out.
    func apply(
        to picks: PartitionedRecords<PickRecord>, scratch: String, rejects: PartitionedRecords<CandidateRecord>?,
        place: (Int) -> Int, _ tally: inout SelectionTally
    ) throws -> PartitionedRecords<PickRecord> {
        let remaining = try PartitionedRecords<PickRecord>(folder: scratch)
        let writer = remaining.writer()
        let rejectWriter = rejects?.writer()
        // Counted anew.
        (tally.kept, tally.pairs, tally.random) = (0, 0, 0)
        tally.keptScores = ScoreSummary(range: tally.keptScores.value.range)
        let prompts = tally.promptsByCandidates.values.reduce(0, +)
        var promptsWithPicks = 0
        for part in 0..<PartitionedRecords<PickRecord>.parts {
            var keptOf: [UInt64: Int] = [:]
            for pick in try picks.load(part) {
                guard keeps(pick.kept) else {
                    tally.drop(pick.kept, .belowTopFraction)
                    var record = pick.kept
                    record.drop = .belowTopFraction
                    try rejectWriter?.append(record, part: place(record.line))
                    continue
                }
                keptOf[pick.kept.group.0 ^ pick.kept.group.1, default: 0] += 1
                tally.keep(pick.kept)
                if pick.loser.line > 0 { tally.pairs += 1 }
                if pick.random.line > 0 { tally.random += 1 }
                try writer.append(pick, part: place(pick.kept.line))
            }
            for count in keptOf.values { tally.promptsByKept[count, default: 0] += 1 }
            promptsWithPicks += keptOf.count
        }
        if prompts > promptsWithPicks { tally.promptsByKept[0] = prompts - promptsWithPicks }
        try writer.flush()
        try rejectWriter?.flush()
        return remaining
    }

    func apply(to group: inout SampledGroup) {
        for index in group.members.indices where group.dropped[index] == nil && !keeps(group.members[index]) {
            group.dropped[index] = .belowTopFraction
        }
    }
}
