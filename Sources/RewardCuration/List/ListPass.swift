import Dispatch
import Glibc
import RewardModel
import RewardSelection
import Synchronization

/// What a list turned out to hold, after every line of it was read and checked.
struct ListContents {
    var records: PartitionedRecords<CandidateRecord>
    var candidates = 0
    /// The number of the last line with a candidate.
    var lastLine = 0
    /// Candidates whose scores the rule cannot do with; the model is to score them.
    var unscored = 0
    var firstUnscoredLine: Int?
    /// Bit by bit, the scores that every candidate with sufficient scores has.
    var commonScores: UInt8 = 0xf
    var ignoredKeys = IgnoredKeys()
}

/// Reads a whole list and deals its candidates into parts, or says everything that is wrong with it.
struct ListPass {
    var list: CandidateList
    var rule: SelectionRule
    var threads: Int
    var scratch: String
    /// False leaves duplicate lines and groups with two prompts to whoever groups the records next.
    var checksClashes = true

    /// - Throws: `ListError` with every faulty line counted, or `Failure`.
    func run() throws -> ListContents {
        let chunks = LineChunks(list)
        let records = try PartitionedRecords<CandidateRecord>(folder: scratch)
        let total = Mutex(Total(contents: ListContents(records: records)))
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            var worker = Worker(rule: rule, contents: ListContents(records: records), writer: records.writer())
            do {
                var chunk = LineChunks.Chunk()
                while try chunks.next(&chunk) {
                    try chunk.forEachLine { try worker.take($0, $1, line: $2, offset: $3) }
                }
                try worker.writer.flush()
            } catch let problem as ListProblem {
                worker.problems.add(problem)
            } catch {
                worker.failure = error
            }
            let finished = worker
            total.withLock { $0.add(finished) }
        }
        let found = total.withLock { $0 }
        if let failure = found.failure { throw failure }
        if let error = found.problems.error(list.name) { throw error }
        if checksClashes { try checkClashes(found.contents) }
        return found.contents
    }

    private struct Total: Sendable {
        var contents: ListContents
        var problems = ListProblems()
        var failure: (any Error)?

        mutating func add(_ worker: Worker) {
            contents.candidates += worker.contents.candidates
            contents.lastLine = max(contents.lastLine, worker.contents.lastLine)
            contents.unscored += worker.contents.unscored
            contents.firstUnscoredLine = [contents.firstUnscoredLine, worker.contents.firstUnscoredLine]
                .compactMap(\.self).min()
            contents.commonScores &= worker.contents.commonScores
            contents.ignoredKeys.merge(worker.contents.ignoredKeys)
            problems.merge(worker.problems)
            failure = failure ?? worker.failure
        }
    }

    private struct Worker {
        var rule: SelectionRule
        var contents: ListContents
        var writer: PartitionedRecords<CandidateRecord>.Writer
        var problems = ListProblems()
        var failure: (any Error)?
        private var scanner = LineScanner()

        init(
            rule: SelectionRule, contents: ListContents, writer: PartitionedRecords<CandidateRecord>.Writer
        ) {
            self.rule = rule
            self.contents = contents
            self.writer = writer
        }

        mutating func take(_ base: UnsafePointer<UInt8>, _ count: Int, line: Int, offset: Int) throws {
            if scanner.scan(base, count, &contents.ignoredKeys), let prompt = scanner.fields.prompt,
                let image = scanner.fields.image
            {
                func hash(_ range: Range<Int>) -> StableHash {
                    StableHash(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
                }
                let promptHash = hash(prompt)
                try add(
                    CandidateRecord(
                        group: scanner.fields.group.map { hash($0).asGroup } ?? promptHash, prompt: promptHash,
                        image: hash(image), line: line, offset: offset, scores: scanner.fields.scores, value: .nan),
                    isPromptEmpty: prompt.isEmpty, isImageEmpty: image.isEmpty)
                return
            }
            do throws(LineFault) {
                let found = try LineReader.read(
                    UnsafeRawBufferPointer(start: base, count: count), &contents.ignoredKeys)
                let promptHash = StableHash(found.prompt)
                let record = CandidateRecord(
                    group: found.group.map { StableHash($0).asGroup } ?? promptHash, prompt: promptHash,
                    image: StableHash(found.image), line: line, offset: offset, scores: found.scores, value: .nan)
                do {
                    try add(record, isPromptEmpty: found.prompt.isEmpty, isImageEmpty: found.image.isEmpty)
                } catch { failure = failure ?? error }
            } catch {
                problems.add(ListProblem(line: line, text: error.text))
            }
        }

        private mutating func add(_ record: CandidateRecord, isPromptEmpty: Bool, isImageEmpty: Bool) throws {
            var record = record
            contents.candidates += 1
            contents.lastLine = max(contents.lastLine, record.line)
            if isPromptEmpty { problems.add(ListProblem(line: record.line, text: "the prompt is empty")) }
            if isImageEmpty { problems.add(ListProblem(line: record.line, text: "the image's path is empty")) }
            let scores = record.scoreVector
            var present: UInt8 = 0
            for index in 0..<4 where !scores[index].isNaN {
                present |= 1 << index
                guard scores[index] >= 0, scores[index] <= 1 else {
                    let text = "\(scoreNames[index]) is \(scores[index]); scores lie in [0, 1]"
                    problems.add(ListProblem(line: record.line, text: text))
                    continue
                }
            }
            if rule.canJudge(scores) {
                record.value = rule.formula.value(scores)
                contents.commonScores &= present
            } else {
                contents.unscored += 1
                contents.firstUnscoredLine = min(contents.firstUnscoredLine ?? record.line, record.line)
            }
            try writer.append(record, part: record.part)
        }
    }

    /// Throws `ListError` when there are duplicate lines or groups with two prompts.
    func checkClashes(_ contents: ListContents) throws {
        let records = contents.records
        let clashes = Mutex((problems: ListProblems(), failure: (any Error)?.none))
        DispatchQueue.concurrentPerform(iterations: PartitionedRecords<CandidateRecord>.parts) { part in
            do {
                let groups = GroupedRecords(try records.load(part))
                var problems = ListProblems()
                for group in groups.ranges { try Clashes.find(groups.members(group), list, &problems) }
                let finished = problems
                if finished.total > 0 { clashes.withLock { $0.problems.merge(finished) } }
            } catch {
                clashes.withLock { $0.failure = error }
            }
        }
        let result = clashes.withLock { $0 }
        if let failure = result.failure { throw failure }
        if let error = result.problems.error(list.name) { throw error }
    }
}

/// The first problems by line, and how many there are.
struct ListProblems: Sendable {
    private var first: [ListProblem] = []
    private(set) var total = 0

    mutating func add(_ problem: ListProblem) {
        first.append(problem)
        total += 1
        if first.count > 4 * ListError.shown { shorten() }
    }

    mutating func merge(_ other: ListProblems) {
        first += other.first
        total += other.total
        shorten()
    }

    private mutating func shorten() {
        first.sort { ($0.line, $0.text) < ($1.line, $1.text) }
        first.removeLast(max(first.count - ListError.shown, 0))
    }

    func error(_ list: String) -> ListError? {
        guard total > 0 else { return nil }
        var sorted = self
        sorted.shorten()
        return ListError(list: list, problems: sorted.first, total: total)
    }
}

extension StableHash {
    /// A group's name and a prompt of the same letters are two things.
    var asGroup: StableHash {
        var hash = self
        hash.first = StableHash.mix(first, 1)
        hash.second = StableHash.mix(second, 1)
        return hash
    }
}

/// Text as an error message shows it, cut at 60 characters.
func quoted(_ text: String) -> String {
    text.count > 60 ? "\"\(text.prefix(60))…\"" : "\"\(text)\""
}
