import RewardImage
import RewardModel
import RewardSelection

/// Scores the candidates that need it, in the list's order, and deals all of them into parts anew.
///
/// Images are read, looked up and decoded ahead on a second thread. Each batch's scores are on disk before the next one
/// is scored.
struct ScoringPass {
    var list: CandidateList
    var rule: SelectionRule
    var scorer: any Scorer
    var store: ScoreStore
    var scratch: String
    /// Called with the number of candidates behind and of those scored in this run.
    var progress: (Int, Int) -> Void

    /// Images scored between two writes to the store.
    static let batch = 8

    /// Returns the records with their scores, or the reason why a candidate has none.
    func run() throws -> (records: PartitionedRecords<CandidateRecord>, scored: Int) {
        let records = try PartitionedRecords<CandidateRecord>(folder: scratch)
        let writer = records.writer()
        let (list, rule, store) = (self.list, self.rule, self.store)
        let images = ImageFiles(folder: list.folder)
        let ahead = ReadAhead<[Prepared]>(depth: 3) { push in
            try Self.prepare(list, rule, store, images, push)
        }
        defer { ahead.stop() }
        var (done, scored) = (0, 0)
        while let batch = try ahead.next() {
            let found = try score(batch)
            scored += found.scored
            for record in found.records { try writer.append(record, part: record.part) }
            done += batch.count
            progress(done, scored)
        }
        try writer.flush()
        return (records, scored)
    }

    /// A candidate on its way to the model.
    private struct Prepared: Sendable {
        var record: CandidateRecord
        var key: ScoreStore.Key?
        /// Nil when the store, the list or the file's absence has settled the matter.
        var item: PredictionItem?
    }

    private static func prepare(
        _ list: CandidateList, _ rule: SelectionRule, _ store: ScoreStore, _ images: ImageFiles,
        _ push: ([Prepared]) throws -> Void
    ) throws {
        let chunks = LineChunks(list)
        var chunk = LineChunks.Chunk()
        var batch: [Prepared] = []
        var toScore = 0
        while try chunks.next(&chunk) {
            try chunk.forEachLine { base, count, number, offset in
                var ignored = IgnoredKeys()
                let line = try CandidateList.parse(base, count, &ignored)
                let next = try prepare(line, number, offset, rule, store, images)
                if next.item != nil { toScore += 1 }
                batch.append(next)
                if toScore == Self.batch || batch.count == 256 {
                    try push(batch)
                    (batch, toScore) = ([], 0)
                }
            }
        }
        if !batch.isEmpty { try push(batch) }
    }

    private static func prepare(
        _ line: CandidateLine, _ number: Int, _ offset: Int, _ rule: SelectionRule, _ store: ScoreStore,
        _ images: ImageFiles
    ) throws(Failure) -> Prepared {
        let prompt = StableHash(line.prompt)
        var record = CandidateRecord(
            group: line.group.map { StableHash($0).asGroup } ?? prompt, prompt: prompt, image: StableHash(line.image),
            line: number, offset: offset, scores: line.scores, value: .nan)
        if rule.canJudge(line.scores) {
            record.value = rule.formula.value(line.scores)
            return Prepared(record: record)
        }
        record.state.isModelScored = true
        let bytes: [UInt8]
        do throws(ImageFault) { bytes = try images.bytes(line) } catch {
            record.drop = error.reason
            return Prepared(record: record)
        }
        let key = ScoreStore.Key(content: ContentHash(bytes).hex, prompt: line.prompt)
        if try store.entries([key])[key] != nil { return Prepared(record: record, key: key) }
        guard let decoded = try? ImageDecoder.decode(bytes) else {
            record.drop = .brokenImage
            return Prepared(record: record)
        }
        return Prepared(
            record: record, key: key,
            item: PredictionItem(image: decoded.image, prompt: line.prompt, outputs: .scores))
    }

    private func score(_ batch: [Prepared]) throws(Failure) -> (records: [CandidateRecord], scored: Int) {
        // Asked again here: an earlier batch may have scored the same image and prompt meanwhile.
        var known = try store.entries(batch.compactMap(\.key))
        var asked: [ScoreStore.Key] = []
        var items: [PredictionItem] = []
        for prepared in batch {
            guard let key = prepared.key, let item = prepared.item, known[key] == nil, !asked.contains(key) else {
                continue
            }
            asked.append(key)
            items.append(item)
        }
        if !items.isEmpty {
            var entries: [(ScoreStore.Key, ScoreStore.Entry)] = []
            for (key, result) in zip(asked, scorer.predict(items)) { entries.append((key, try Self.entry(result))) }
            try store.add(entries)
            for (key, entry) in entries { known[key] = entry }
        }
        let records = batch.map { prepared in
            var record = prepared.record
            guard let key = prepared.key else { return record }
            switch known[key] {
            case .scores(let scores):
                record.scoreVector = scores
                record.value = rule.formula.value(scores)
                record.state.isImageChecked = true
            case .refused, nil: record.drop = .unscorable
            }
            return record
        }
        return (records, items.count)
    }

    /// What the store keeps of an answer. What the item is not to blame for ends the run: nothing is lost by it.
    private static func entry(_ result: Result<Prediction, Failure>) throws(Failure) -> ScoreStore.Entry {
        switch result {
        case .success(let prediction):
            guard let scores = prediction.scores else { throw Failure(.internalError, "no scores came back") }
            var vector = ScoreVector()
            for (index, kind) in ScoreKind.allCases.enumerated() {
                // The double that prints like the float: a score shown as 0.7 is 0.7 to thresholds.
                guard let value = Double("\(scores[kind])"), (0...1).contains(value) else {
                    return .refused(.nonFiniteResult)
                }
                vector[index] = value
            }
            return .scores(vector)
        case .failure(let failure):
            switch failure.code {
            case .tooLarge, .invalidImage, .unsupportedImage, .invalidPixels, .invalidPrompt, .promptTooLong,
                .nonFiniteResult:
                return .refused(failure.code)
            default: throw failure
            }
        }
    }
}
