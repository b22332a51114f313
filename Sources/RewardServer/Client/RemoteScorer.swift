import RewardImage
public import RewardModel
import RewardWire
import Synchronization

/// A model behind `rahf serve`: the same answers, bit for bit, as the model in process.
///
/// Safe to call from any thread; calls take turns. For requests side by side, make several.
///
/// Lost requests are sent again over a new connection, refusals that pass are waited out, and what remains unanswered
/// fails with `unavailable`: nothing is ever a made-up number.
public final class RemoteScorer: Scorer {
    public let info: ModelInfo
    private let connection: Mutex<ClientConnection>
    private let policy: RetryPolicy
    private let limits: Limits

    private struct Limits {
        var items: Int
        var bytes: Int
    }

    /// Connects and asks what is served.
    ///
    /// - Parameters:
    ///   - endpoint: `tcp://HOST:PORT` or `ipc://PATH`.
    ///   - security: Keys, for a server that encrypts. The default is none.
    /// - Throws: `Failure`: `unavailable` when nobody answers, `unsupportedVersion` when no version is common,
    ///   `permissionDenied` when the server does not let this client in, or is not who it should be.
    public init(
        _ endpoint: String, policy: RetryPolicy = RetryPolicy(), security: ClientSecurity? = nil
    ) throws(Failure) {
        self.policy = policy
        var connection = try ClientConnection(endpoint: endpoint, policy: policy, security: security)
        let reply = try connection.exchange(isImmediate: true) { RequestWriter.info(id: $0) }
        if let failure = reply.header.status.failure { throw failure }
        let wire = reply.header.info
        connection.tellsProgress = wire.features.contains(ProtocolFeature.progress)
        let config: ModelConfig
        do { config = try ModelConfig.decode(Array(wire.configJson), path: endpoint) } catch { throw Failure(error) }
        info = ModelInfo(
            name: reply.header.model.name, digest: reply.header.model.digest, config: config,
            parameterCount: Int(clamping: wire.parameterCount), heatmapSize: Int(wire.heatmapWidth))
        limits = Limits(
            items: max(Int(min(wire.limits.maxItems, wire.limits.maxQueuedItems)), 1),
            // Room for the header.
            bytes: max(Int(clamping: wire.limits.maxMessageBytes) - (1 << 20), 1))
        self.connection = Mutex(connection)
    }

    public func predict(_ items: [PredictionItem]) -> [Result<Prediction, Failure>] {
        predict(items, groupIDs: [])
    }

    /// Answers items, and how each stands in its group; the ids go with the request, so that a record of the server's
    /// tells who was compared with whom.
    ///
    /// The standings are those of the whole call, also when it took several requests or some items were asked for again:
    /// a single reply's have the same bits, but it may know a part of a group only.
    ///
    /// - Parameter groups: Each item's group, as long as `items`; nil or empty for none. At most 64 bytes of UTF-8 each.
    ///   Every item with a group needs `scores` among its outputs, otherwise it fails with `invalidRequest`.
    public func predict(
        _ items: [PredictionItem], groups: [String?]
    ) -> [(result: Result<Prediction, Failure>, standing: GroupStanding?)] {
        precondition(items.count == groups.count, "a group, or none, for each item")
        let results = predict(items, groupIDs: groups.map { Array(($0 ?? "").utf8) })
        let standings = GroupStanding.all(
            of: results.map { try? $0.get().scores }, in: groups.map { $0?.isEmpty == true ? nil : $0 })
        return zip(results, standings).map { ($0, $1) }
    }

    /// - Parameter groupIDs: Each item's; or none at all, for servers that know no groups too.
    private func predict(_ items: [PredictionItem], groupIDs: [[UInt8]]) -> [Result<Prediction, Failure>] {
        var results = [Result<Prediction, Failure>](
            repeating: .failure(Failure(.unavailable, "not sent")), count: items.count)
        // A request is all SCORE or all GRADIENT.
        for isGradient in [false, true] {
            var chunk: [Int] = []
            var bytes = 0
            func flush() {
                if !chunk.isEmpty { ask(chunk, items, groupIDs, &results) }
                (chunk, bytes) = ([], 0)
            }
            for (index, item) in items.enumerated() where (item.objective != nil) == isGradient {
                let size = item.wireSize
                guard size <= limits.bytes else {
                    let message = "the item takes \(size) bytes; the server takes \(limits.bytes)"
                    results[index] = .failure(Failure(.tooLarge, message))
                    continue
                }
                if chunk.count == limits.items || size > limits.bytes - bytes { flush() }
                chunk.append(index)
                bytes += size
            }
            flush()
        }
        return results
    }

    /// Asks for some items, and again for those whose failures may pass.
    private func ask(
        _ indices: [Int], _ items: [PredictionItem], _ groupIDs: [[UInt8]],
        _ results: inout [Result<Prediction, Failure>]
    ) {
        var open = indices
        let end = ContinuousClock.now + policy.patience
        var attempt = 0
        while true {
            let (answers, retryAfter) = send(
                open.map { items[$0] }, groupIDs: groupIDs.isEmpty ? [] : open.map { groupIDs[$0] })
            var again: [Int] = []
            for (index, answer) in zip(open, answers) {
                results[index] = answer.map { prediction in
                    // The server saw pixels, not the file they came from.
                    var prediction = prediction
                    prediction.notes = items[index].imageNotes + prediction.notes
                    return prediction
                }
                if case .failure(let failure) = answer, failure.code.isRetryable, failure.code != .unavailable {
                    again.append(index)
                }
            }
            attempt += 1
            let pause = retryAfter ?? ClientConnection.backoff(attempt)
            guard !again.isEmpty, ContinuousClock.now + pause < end else { return }
            ClientConnection.sleep(pause)
            open = again
        }
    }

    private func send(
        _ items: [PredictionItem], groupIDs: [[UInt8]]
    ) -> ([Result<Prediction, Failure>], retryAfter: Duration?) {
        do throws(Failure) {
            let reply = try connection.withLock { connection throws(Failure) in
                let progress = connection.progress
                return try connection.exchange {
                    RequestWriter.predict(
                        items, id: $0, timeout: policy.timeout, progress: progress, groups: groupIDs)
                }
            }
            if let failure = reply.header.status.failure {
                return (items.map { _ in .failure(failure) }, reply.header.status.retryAfter)
            }
            return (try reply.predictions(count: items.count), nil)
        } catch { return (items.map { _ in .failure(error) }, nil) }
    }
}

extension PredictionItem {
    /// Bytes of the item in a message, about.
    fileprivate var wireSize: Int {
        let pixels = image.width * image.height * 3
        var size = prompt.utf8.count + 1024
        switch image.samples {
        case .uint8: size += pixels
        case .float32: size += pixels * 4
        }
        for term in objective?.heatmapTerms ?? [] { size += (term.mask?.values.count ?? 0) * 4 + 64 }
        return size
    }
}
