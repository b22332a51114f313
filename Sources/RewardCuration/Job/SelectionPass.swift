import Dispatch
import RewardModel
import RewardSelection
import Synchronization

/// What selecting found.
struct SelectionResult {
    /// Kept candidates, dealt by their line.
    var picks: PartitionedRecords<PickRecord>
    /// The others, dealt by their line; nil unless they were asked for.
    var rejects: PartitionedRecords<CandidateRecord>?
    var tally: SelectionTally
    var samples: [SampledGroup]
}

/// A prompt with all its candidates, for the report.
struct SampledGroup: Sendable {
    var firstLine: Int
    /// From the best down, the unusable last.
    var members: [CandidateRecord]
    /// Nil for the kept.
    var dropped: [DropReason?]
}

/// Applies the rule to every group, part by part on several threads.
struct SelectionPass {
    var list: CandidateList
    var rule: SelectionRule
    var records: PartitionedRecords<CandidateRecord>
    var lastLine: Int
    var scratch: String
    var threads: Int
    var check: ImageCheck
    /// Seed of the random control.
    var seed: UInt64
    var keepsRejects: Bool
    /// How many prompts the report shows.
    var samples: Int
    /// True when clashes between lines are still to be found: then they are, before anything else is done with them.
    var findsClashes = false

    /// - Throws: `ListError` for clashing lines.
    func run() throws -> SelectionResult {
        let picks = try PartitionedRecords<PickRecord>(folder: scratch)
        let rejects = keepsRejects ? try PartitionedRecords<CandidateRecord>(folder: scratch) : nil
        let total = Mutex(
            (
                tally: SelectionTally(rule: rule), samples: [SampledGroup](), problems: ListProblems(),
                failure: (any Error)?.none
            ))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            var worker = Worker(pass: self, picks: picks.writer(), rejects: rejects?.writer())
            do {
                while case let part = next.add(1, ordering: .relaxed).oldValue,
                    part < PartitionedRecords<CandidateRecord>.parts
                {
                    let groups = GroupedRecords(try records.load(part))
                    for range in groups.ranges { try worker.select(groups.members(range)) }
                    worker.trimSamples()
                }
                try worker.finish()
            } catch {
                worker.failure = error
            }
            let finished = worker
            total.withLock { total in
                total.tally.merge(finished.tally)
                total.samples += finished.samples
                total.problems.merge(finished.problems)
                total.failure = total.failure ?? finished.failure
            }
        }
        var (tally, samples, problems, failure) = total.withLock { $0 }
        if let failure { throw failure }
        if let error = problems.error(list.name) { throw error }
        samples = Array(samples.sorted { $0.firstLine < $1.firstLine }.prefix(self.samples))
        guard let fraction = rule.topFraction else {
            return SelectionResult(picks: picks, rejects: rejects, tally: tally, samples: samples)
        }
        let cut = try TopCut(fraction: fraction, picks: picks, kept: tally.kept)
        let remaining = try cut.apply(to: picks, scratch: scratch, rejects: rejects, place: place, &tally)
        for index in samples.indices { cut.apply(to: &samples[index]) }
        return SelectionResult(picks: remaining, rejects: rejects, tally: tally, samples: samples)
    }

    /// The part of the output a line belongs to.
    func place(_ line: Int) -> Int {
        line * PartitionedRecords<CandidateRecord>.parts / (lastLine + 1)
    }

    private struct Worker {
        let pass: SelectionPass
        let selector: GroupSelector
        let images: ImageFiles
        var picks: PartitionedRecords<PickRecord>.Writer
        var rejects: PartitionedRecords<CandidateRecord>.Writer?
        var tally: SelectionTally
        var samples: [SampledGroup] = []
        var problems = ListProblems()
        var failure: (any Error)?

        init(
            pass: SelectionPass, picks: PartitionedRecords<PickRecord>.Writer,
            rejects: PartitionedRecords<CandidateRecord>.Writer?
        ) {
            self.pass = pass
            self.picks = picks
            self.rejects = rejects
            selector = GroupSelector(rule: pass.rule)
            images = ImageFiles(folder: pass.list.folder)
            tally = SelectionTally(rule: pass.rule)
        }

        mutating func select(_ members: [CandidateRecord]) throws {
            if pass.findsClashes { try Clashes.find(members, pass.list, &problems) }
            guard problems.total == 0 else { return }
            let candidates = members.map { record in
                GroupCandidate(
                    scores: record.scoreVector, value: record.value, unusable: record.drop,
                    randomKey: StableHash.mix(StableHash.mix(pass.seed, record.group.0), record.image))
            }
            let outcome = try selector.select(candidates) { one, other in
                let (a, b) = (
                    try pass.list.line(at: members[one].offset), try pass.list.line(at: members[other].offset)
                )
                return a.image.utf8.lexicographicallyPrecedes(b.image.utf8)
            } inspect: { index in
                if members[index].state.isImageChecked && !pass.rule.deduplicates { return .usable(nil) }
                if pass.check == .none && !pass.rule.deduplicates { return .usable(nil) }
                return images.inspect(
                    try pass.list.line(at: members[index].offset), check: pass.check,
                    fingerprint: pass.rule.deduplicates)
            }
            tally.promptsByCandidates[members.count, default: 0] += 1
            if pass.rule.topFraction == nil { tally.promptsByKept[outcome.kept.count, default: 0] += 1 }
            for (rank, index) in outcome.kept.enumerated() {
                let pick = PickRecord(
                    kept: members[index], loser: rank == 0 ? outcome.loser.map { members[$0] } : nil,
                    random: rank < outcome.random.count ? members[outcome.random[rank]] : nil, rank: rank)
                // With a cut to come, a prompt's picks stay together.
                let part = pass.rule.topFraction == nil ? pass.place(pick.kept.line) : pick.kept.part
                try picks.append(pick, part: part)
                tally.keep(pick.kept)
                if pick.loser.line > 0 { tally.pairs += 1 }
                if pick.random.line > 0 { tally.random += 1 }
            }
            for (index, reason) in outcome.dropped.enumerated() {
                guard let reason else { continue }
                tally.drop(members[index], reason)
                if let rejects {
                    var record = members[index]
                    record.drop = reason
                    try rejects.append(record, part: pass.place(record.line))
                }
            }
            sample(members, outcome)
        }

        private mutating func sample(_ members: [CandidateRecord], _ outcome: GroupOutcome) {
            guard pass.samples > 0 else { return }
            let first = members.reduce(Int.max) { min($0, $1.line) }
            if samples.count >= pass.samples, let last = samples.last, first > last.firstLine { return }
            let order = members.indices.sorted { one, other in
                let (a, b) = (members[one], members[other])
                let (left, right) = (
                    a.value.isNaN ? -Double.infinity : a.value, b.value.isNaN ? -Double.infinity : b.value
                )
                return left == right ? a.line < b.line : left > right
            }
            samples.append(
                SampledGroup(
                    firstLine: first, members: order.map { members[$0] }, dropped: order.map { outcome.dropped[$0] }))
            if samples.count > 2 * pass.samples { trimSamples() }
        }

        mutating func trimSamples() {
            samples.sort { $0.firstLine < $1.firstLine }
            samples.removeLast(max(samples.count - pass.samples, 0))
        }

        mutating func finish() throws {
            try picks.flush()
            try rejects?.flush()
        }
    }
}
