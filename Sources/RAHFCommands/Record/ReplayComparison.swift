import RewardImage
import RewardModel
import RewardWire

/// Scores recorded items again and compares the answers, bit for bit.
struct ReplayComparison {
    /// One item's answer that is not what was recorded.
    struct Difference {
        var place: RecordReader.Place
        var requestID: [UInt8]
        var item: Int
        /// `status`, `scores`, `words`, `heatmaps`, `gradient` or `notes`.
        var output: String
        /// The largest absolute difference of a number; nil where there is none to tell.
        var largest: Float?
        var recorded: String
        var now: String
    }

    private(set) var records = 0
    private(set) var equal = 0
    private(set) var different = 0
    /// Items whose recorded failure says nothing about the model, by code.
    private(set) var skipped: [FailureCode: Int] = [:]
    /// Records that are no request and answer of this version.
    private(set) var unreadable = 0
    /// Records by the digest of the model that answered.
    private(set) var digests: [String: Int] = [:]
    /// Differing items and the largest difference, by output.
    private(set) var outputs: [String: (items: Int, largest: Float)] = [:]
    /// The first of them.
    private(set) var differences: [Difference] = []
    private var waiting: [Entry] = []

    let scorer: any Scorer
    let mostDifferences: Int
    /// Items that are scored in one call.
    private static let batch = 8

    private struct Entry {
        var place: RecordReader.Place
        var requestID: [UInt8]
        var index: Int
        var item: RequestItem
        var decoded: Result<PredictionItem, Failure>
        var recorded: WireItemReply
        var frames: [[UInt8]]
    }

    init(_ scorer: any Scorer, mostDifferences: Int) {
        self.scorer = scorer
        self.mostDifferences = mostDifferences
    }

    /// No limit of the server's that recorded is known; its own answers tell of them.
    private static let limits: MessageLimits = {
        var limits = MessageLimits()
        limits.maxMessageBytes = .max
        limits.maxHeaderBytes = .max
        limits.maxFrames = .max
        limits.maxItems = .max
        limits.image.maxPixels = 1_000_000_000
        return limits
    }()

    mutating func add(_ record: WireRecorded, at place: RecordReader.Place) {
        records += 1
        let frames = record.replyFrames
        guard let message = try? RequestMessage(frames: record.requestFrames, limits: Self.limits),
            case .predict(let items) = message.action, let reply = try? ReplyMessage(frames: frames),
            reply.header.items.count == items.count
        else {
            unreadable += 1
            return
        }
        digests[reply.header.model.digest, default: 0] += 1
        for (index, (item, recorded)) in zip(items, reply.header.items).enumerated() {
            if let failure = recorded.status.failure, !Self.isAboutTheItem(failure.code) {
                skipped[failure.code, default: 0] += 1
                continue
            }
            let decoded = Result { () throws(Failure) in try item.decode(limits: Self.limits) }
            waiting.append(
                Entry(
                    place: place, requestID: message.id, index: index, item: item, decoded: decoded,
                    recorded: recorded, frames: frames))
            if waiting.count == Self.batch { flush() }
        }
    }

    /// Whether a failure comes again when the item does.
    private static func isAboutTheItem(_ code: FailureCode) -> Bool {
        switch code {
        case .invalidRequest, .tooLarge, .invalidImage, .unsupportedImage, .invalidPixels, .invalidPrompt,
            .promptTooLong, .nonFiniteResult:
            true
        default: false
        }
    }

    /// Scores what waits.
    mutating func flush() {
        let items = waiting.compactMap { try? $0.decoded.get() }
        var answers = (items.isEmpty ? [] : scorer.predict(items)).makeIterator()
        for entry in waiting {
            let result: Result<Prediction, Failure>
            switch entry.decoded {
            case .failure(let failure): result = .failure(failure)
            case .success: result = answers.next() ?? .failure(Failure(.internalError, "no answer"))
            }
            compare(entry, ItemAnswer(result, for: entry.item))
        }
        waiting = []
    }

    private mutating func compare(_ entry: Entry, _ answer: ItemAnswer) {
        let found = RecordedAnswer(answer).differences(from: RecordedAnswer(entry.recorded, entry.frames))
        if found.isEmpty {
            equal += 1
            return
        }
        different += 1
        for (output, largest, recorded, now) in found {
            let known = outputs[output] ?? (0, 0)
            outputs[output] = (known.items + 1, max(known.largest, largest ?? 0))
            guard differences.count < mostDifferences else { continue }
            differences.append(
                Difference(
                    place: entry.place, requestID: entry.requestID, item: entry.index, output: output,
                    largest: largest, recorded: recorded, now: now))
        }
    }
}
