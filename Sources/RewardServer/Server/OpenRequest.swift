import RewardModel
import RewardWire

/// A request that was accepted and has not been answered.
struct OpenRequest {
    let id: [UInt8]
    let route: Listener.Route
    /// Its name in the scheduler.
    let key: JobKey
    let arrived: Duration
    let deadline: Duration?
    /// How often its sender wants to hear of it, and when next.
    private let progress: Duration?
    private(set) var nextProgress: Duration?
    /// What came, when it is to be recorded.
    let recorded: RecordedRequest?
    private(set) var answers: [ItemAnswer?]
    private(set) var unanswered: Int
    /// Each item's group id; empty for none.
    private let groups: [[UInt8]]
    private var started: Duration?
    private var ended: Duration?
    private var largestBatch = 0

    init(
        id: [UInt8], route: Listener.Route, key: JobKey, groups: [[UInt8]], arrived: Duration, deadline: Duration?,
        progress: Duration? = nil, recorded: RecordedRequest? = nil
    ) {
        self.id = id
        self.route = route
        self.key = key
        self.arrived = arrived
        self.deadline = deadline
        self.progress = progress
        nextProgress = progress.map { arrived + $0 }
        self.groups = groups
        self.recorded = recorded
        answers = [ItemAnswer?](repeating: nil, count: groups.count)
        unanswered = groups.count
    }

    mutating func noteProgress(now: Duration) {
        nextProgress = progress.map { now + $0 }
    }

    mutating func noteStart(batch: Int, now: Duration) {
        if started == nil { started = now }
        largestBatch = max(largestBatch, batch)
    }

    mutating func set(_ answer: ItemAnswer, at index: Int, now: Duration) {
        if answers[index] == nil { unanswered -= 1 }
        answers[index] = answer
        ended = now
    }

    /// All answers, the missing ones filled, each with its standing in its group.
    func completed(_ missing: @autoclosure () -> ItemAnswer) -> [ItemAnswer] {
        answers.map { $0 ?? missing() }.grouped(groups)
    }

    func timings(now: Duration) -> WireTimings {
        var timings = WireTimings()
        timings.queueMs = Self.milliseconds((started ?? now) - arrived)
        if let started { timings.computeMs = Self.milliseconds((ended ?? now) - started) }
        timings.batchSize = UInt32(clamping: largestBatch)
        return timings
    }

    private static func milliseconds(_ duration: Duration) -> Float {
        let (seconds, attoseconds) = duration.components
        return Float(Double(seconds) * 1e3 + Double(attoseconds) * 1e-15)
    }
}
