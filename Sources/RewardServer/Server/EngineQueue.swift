import Dispatch
import RewardImage
import RewardModel
import RewardWire
import Synchronization

/// Decodes and predicts batches on a thread of its own, so that the sockets' thread is always free to answer.
final class EngineQueue: Sendable {
    enum Report: Sendable {
        /// The first pass has ended: the model is ready, or cannot be used.
        case warm(Failure?)
        /// Answers of a batch, in the order of its items, and what they took.
        case finished(batch: Int, [ItemAnswer], BatchTimes)
    }

    private let scorer: any Scorer
    private let limits: MessageLimits
    private let wakeUp: WakeUp
    private let queue = DispatchQueue(label: "rahf.engine")
    private let reports = Mutex<[Report]>([])

    /// - Parameter wakeUp: is signalled whenever there are reports.
    init(_ scorer: any Scorer, limits: MessageLimits, wakeUp: WakeUp) {
        self.scorer = scorer
        self.limits = limits
        self.wakeUp = wakeUp
    }

    /// Scores one grey picture, so that no client waits for weights to be packed.
    func warmUp() {
        queue.async { [self] in
            let size = scorer.info.config.image.size
            let grey = Image(
                width: size, height: size, rgb: [UInt8](repeating: 128, count: size * size * 3))
            let result = scorer.predict([PredictionItem(image: grey, prompt: "grey")]).first
            if case .failure(let failure) = result { report(.warm(failure)) } else { report(.warm(nil)) }
        }
    }

    func start(batch: Int, _ items: [RequestItem]) {
        queue.async { [self] in
            let (answers, times) = answer(items)
            report(.finished(batch: batch, answers, times))
        }
    }

    func takeReports() -> [Report] {
        reports.withLock { reports in
            defer { reports = [] }
            return reports
        }
    }

    /// Waits until everything started has ended.
    func join() {
        queue.sync {}
    }

    private func report(_ report: Report) {
        reports.withLock { $0.append(report) }
        wakeUp.signal()
    }

    private func answer(_ items: [RequestItem]) -> ([ItemAnswer], BatchTimes) {
        let clock = ContinuousClock()
        var times = BatchTimes()
        var answers = [ItemAnswer?](repeating: nil, count: items.count)
        var decoded: [(index: Int, item: PredictionItem)] = []
        for (index, item) in items.enumerated() {
            let started = clock.now
            defer { times.decode.append(clock.now - started) }
            do throws(Failure) { decoded.append((index, try item.decode(limits: limits))) } catch {
                answers[index] = ItemAnswer(error)
            }
        }
        let decodedAt = clock.now
        let results = decoded.isEmpty ? [] : scorer.predict(decoded.map(\.item))
        let predictedAt = clock.now
        if !decoded.isEmpty { times.model = predictedAt - decodedAt }
        for (entry, result) in zip(decoded, results) {
            answers[entry.index] = ItemAnswer(result, for: items[entry.index])
        }
        let missing = Failure(.internalError, "the engine did not answer this item")
        let all = answers.map { $0 ?? ItemAnswer(missing) }
        times.encode = clock.now - predictedAt
        return (all, times)
    }
}
