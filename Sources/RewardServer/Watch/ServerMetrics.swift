package import RewardModel
import Synchronization

/// Everything worth counting of one server, from its events. Any thread may read at any time.
package final class ServerMetrics: Sendable {
    struct Counts {
        var requests = (accepted: 0, answered: 0, refused: 0, clientGone: 0, clientStuck: 0)
        var items = (answered: 0, failed: 0)
        var requestFailures: [FailureCode: Int] = [:]
        var itemFailures: [FailureCode: Int] = [:]
        var messages = (received: 0, sent: 0)
        var bytes = (received: 0, sent: 0)
        var closed: [Connections.Offence: Int] = [:]
        var recorded = (requests: 0, bytes: 0, lost: 0)
        var turns = 0
        var state = ServerState()
        var batchItems = Histogram.items
        var queue = Histogram.seconds
        var request = Histogram.seconds
        var decode = Histogram.seconds
        var model = Histogram.seconds
        var encode = Histogram.seconds
        var rewards = ScoreKind.allCases.map { _ in Histogram.rewards }
        var recent = RewardHistory(.recent, capacity: 180)
        var run = RewardHistory(.run, capacity: 360)
        /// The first rewards, which later ones are compared with.
        var first = RewardHistory.Column(index: 0)
    }

    /// How many of the first rewards are the reference.
    static let referenceCount = 256

    let model: ModelInfo
    let started = ContinuousClock.now
    private let counts = Mutex(Counts())

    package init(model: ModelInfo) {
        self.model = model
    }

    /// A copy of everything.
    func snapshot() -> Counts { counts.withLock { $0 } }

    /// How often the sockets' thread has turned.
    var turns: Int { counts.withLock { $0.turns } }
    package var state: ServerState { counts.withLock { $0.state } }

    /// To be called with each event of the server.
    package func note(_ event: ServerEvent) {
        counts.withLock { counts in
            switch event {
            case .received(let bytes):
                counts.messages.received += 1
                counts.bytes.received += bytes
            case .sent(let bytes):
                counts.messages.sent += 1
                counts.bytes.sent += bytes
            case .accepted: counts.requests.accepted += 1
            case .refused(let code):
                counts.requests.refused += 1
                counts.requestFailures[code, default: 0] += 1
            case .answered(let items, let failures, let queue, let compute):
                counts.requests.answered += 1
                counts.items.answered += items - failures.count
                counts.items.failed += failures.count
                for code in failures { counts.itemFailures[code, default: 0] += 1 }
                counts.queue.add(queue)
                counts.request.add(queue + compute)
            case .rewards(let scores, let failed):
                let time = ContinuousClock.now - started
                counts.recent.add(scores, failed: failed, at: time)
                counts.run.add(scores, failed: failed, at: time)
                for scores in scores {
                    if counts.first.count < Self.referenceCount { counts.first.add(scores) }
                    for (position, kind) in ScoreKind.allCases.enumerated() {
                        counts.rewards[position].add(Double(scores[kind]))
                    }
                }
            case .batchStarted(let items): counts.batchItems.add(Double(items))
            case .batchFinished: break
            case .batchTimes(let times):
                for time in times.decode { counts.decode.add(time) }
                counts.model.add(times.model)
                counts.encode.add(times.encode)
            case .clientGone(let requests, _): counts.requests.clientGone += requests
            case .clientStuck(let requests, _): counts.requests.clientStuck += requests
            case .closed(let offence): counts.closed[offence, default: 0] += 1
            case .recorded(let bytes):
                counts.recorded.requests += 1
                counts.recorded.bytes += bytes
            case .recordLost: counts.recorded.lost += 1
            case .turned(let state):
                counts.turns += 1
                counts.state = state
            }
        }
    }
}
