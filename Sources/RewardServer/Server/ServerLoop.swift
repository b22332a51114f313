import Logging
import RewardModel
import RewardWire

/// What the sockets' thread does in one turn: read, answer, start batches. It never waits for the model.
struct ServerLoop {
    private let configuration: ServerConfiguration
    private let listener: Listener
    private let engine: EngineQueue
    private let replies: ReplyWriter
    private let log: Logger
    private let epoch = ContinuousClock.now
    private var scheduler: Scheduler<RequestItem>
    private var requests = RequestTable()
    private var running: [Int: [Ticket]] = [:]
    private var isWarm = false
    private var drainEnd: Duration?

    init(
        _ configuration: ServerConfiguration, _ listener: Listener, _ engine: EngineQueue, model: ModelInfo, log: Logger
    ) {
        self.configuration = configuration
        self.listener = listener
        self.engine = engine
        self.log = log
        scheduler = Scheduler(limits: configuration.queue)
        replies = ReplyWriter(model: model, limits: configuration.limits, queue: configuration.queueLimits)
    }

    private var now: Duration { ContinuousClock.now - epoch }

    /// True when draining, and every accepted request has been answered.
    var isDone: Bool { drainEnd != nil && requests.isEmpty }

    /// Nil: nothing happens until somebody sends or the engine reports.
    var timeToNextEvent: Duration? {
        if isDone { return .zero }
        let now = now
        let next = [isWarm ? scheduler.nextEvent(now: now) : nil, requests.nextDeadline, drainEnd]
            .compactMap { $0 }.min()
        // A batch that is due while the engine is busy has no event: the engine's report wakes the loop.
        return next.map { max($0 - now, .zero) }
    }

    mutating func turn() throws {
        // A bounded number, so that a flood of messages cannot keep finished work from its clients.
        for _ in 0..<64 {
            guard let arrival = try listener.receive() else { break }
            handle(arrival)
        }
        for report in engine.takeReports() { try handle(report) }
        answerOverdue()
        startBatch()
    }

    mutating func drain() {
        guard drainEnd == nil else { return }
        log.info("draining", metadata: ["requests": "\(requests.count)", "queued_items": "\(scheduler.queuedItems)"])
        scheduler.drain()
        drainEnd = now + configuration.drainTime
    }

    /// Answers what arrived too late to be taken, so that its senders need not wait in vain.
    mutating func refuseTheRest() throws {
        while let arrival = try listener.receive() { handle(arrival) }
    }

    // MARK: Arrivals

    private mutating func handle(_ arrival: Listener.Arrival) {
        let message: RequestMessage
        do throws(RequestMessage.Refusal) {
            message = try RequestMessage(
                frames: arrival.frames, discardedFrames: arrival.discardedFrames,
                discardedBytes: arrival.discardedBytes, limits: configuration.limits)
        } catch {
            log.debug("refused a message", metadata: ["code": "\(error.failure.code.rawValue)"])
            send(replies.refusal(error.id, error.failure), to: arrival.route)
            return
        }
        switch message.action {
        case .predict(let items): accept(message, items, arrival.route)
        case .info: send(replies.info(message.id), to: arrival.route)
        case .health: send(replies.health(message.id, health), to: arrival.route)
        case .cancel(let target): cancel(target, message.id, arrival.route)
        }
    }

    private mutating func accept(_ message: RequestMessage, _ items: [RequestItem], _ route: Listener.Route) {
        let now = now
        guard !requests.contains(client: route.client, id: message.id) else {
            let failure = Failure(.duplicateRequest, "a request of this connection with this id is still open")
            return send(replies.refusal(message.id, failure), to: route)
        }
        let deadline = message.timeout.map { now + $0 }
        let key = requests.nextKey(client: route.client)
        do throws(SchedulerRefusal) {
            _ = scheduler.expire(now: now)
            try scheduler.submit(
                key, items: items.map { SchedulerItem($0, bytes: $0.bytes) }, deadline: deadline, now: now)
        } catch {
            let (failure, retryAfter) = Self.failure(error, configuration.queue)
            log.debug("refused a request", metadata: ["code": "\(failure.code.rawValue)", "items": "\(items.count)"])
            return send(replies.refusal(message.id, failure, retryAfter: retryAfter), to: route)
        }
        requests.open(
            OpenRequest(
                id: message.id, route: route, key: key, items: items.count, arrived: now, deadline: deadline))
    }

    private static func failure(_ refusal: SchedulerRefusal, _ limits: SchedulerLimits) -> (Failure, Duration?) {
        switch refusal {
        case .draining: (Failure.draining, nil)
        case .duplicate: (Failure(.duplicateRequest, "this request is still open"), nil)
        case .empty: (Failure(.invalidRequest, "the request has no items"), nil)
        case .expired: (Failure(.deadlineExceeded, "the deadline had passed on arrival"), nil)
        case .tooLarge(let items, let bytes):
            (
                Failure(
                    .tooLarge,
                    "\(items) items of \(bytes) bytes; the queue holds \(limits.maxQueuedItems) of \(limits.maxQueuedBytes)"
                ), nil
            )
        case .overloaded(let delay): (Failure(.overloaded, "the queue is full"), delay)
        }
    }

    private var health: WireHealth {
        var health = WireHealth()
        health.live = true
        health.ready = isWarm && drainEnd == nil
        health.draining = drainEnd != nil
        health.queuedItems = UInt32(clamping: scheduler.queuedItems)
        health.queuedBytes = UInt64(scheduler.queuedBytes)
        health.runningItems = UInt32(clamping: running.values.reduce(0) { $0 + $1.count })
        health.uptimeMs = UInt64(now / .milliseconds(1))
        return health
    }

    // MARK: The engine

    private mutating func startBatch() {
        guard isWarm else { return }
        let now = now
        _ = scheduler.expire(now: now)
        guard let batch = scheduler.nextBatch(now: now) else { return }
        let tickets = batch.entries.map(\.ticket)
        running[batch.number] = tickets
        for ticket in tickets { requests.update(ticket.key) { $0.noteStart(batch: tickets.count, now: now) } }
        engine.start(batch: batch.number, batch.entries.map(\.payload))
    }

    private mutating func handle(_ report: EngineQueue.Report) throws {
        switch report {
        case .warm(let failure):
            if let failure { throw Server.Problem.unusableModel(failure) }
            isWarm = true
            log.info("ready")
        case .finished(let number, let answers):
            let now = now
            scheduler.finish(number, now: now)
            for (ticket, answer) in zip(running.removeValue(forKey: number) ?? [], answers) {
                // Cancelled and overdue requests are answered and gone; their late results go nowhere.
                requests.update(ticket.key) { $0.set(answer, at: ticket.index, now: now) }
                if let done = requests.closeIfAnswered(ticket.key) { reply(done) }
            }
        }
    }

    // MARK: Ends

    private mutating func answerOverdue() {
        let now = now
        _ = scheduler.expire(now: now)
        for request in requests.closeOverdue(now: now) {
            let failure = Failure(.deadlineExceeded, "the time given ended before this item was done")
            reply(request, missing: ItemAnswer(failure))
        }
        guard let drainEnd, drainEnd <= now else { return }
        _ = scheduler.abandon()
        for request in requests.closeAll() { reply(request, missing: ItemAnswer(.draining)) }
    }

    private mutating func cancel(_ target: [UInt8], _ id: [UInt8], _ route: Listener.Route) {
        let request = requests.close(client: route.client, id: target)
        if let request {
            _ = scheduler.cancel(request.key)
            reply(request, missing: ItemAnswer(Failure(.cancelled, "cancelled by its sender")))
        }
        send(replies.cancelled(id, found: request != nil, items: request?.unanswered ?? 0), to: route)
    }

    private mutating func reply(_ request: OpenRequest, missing: @autoclosure () -> ItemAnswer = .lost) {
        let now = now
        let timings = request.timings(now: now)
        let answers = request.completed(missing())
        log.debug(
            "answered",
            metadata: [
                "request": "\(hex(request.id))", "items": "\(answers.count)",
                "failed": "\(answers.count { $0.message.status.code != .ok })", "queue_ms": "\(timings.queueMs)",
                "compute_ms": "\(timings.computeMs)", "batch": "\(timings.batchSize)",
            ])
        send(replies.answers(request.id, answers, timings: timings), to: request.route)
    }

    private mutating func send(_ frames: [[UInt8]], to route: Listener.Route) {
        let reason: String
        do throws(ZeroMQError) {
            switch try listener.send(frames, to: route) {
            case .sent: return
            case .gone: reason = "the client is gone"
            case .stuck: reason = "the client does not read its replies"
            }
        } catch { reason = error.description }
        let dropped = scheduler.forget(client: route.client)
        let requests = requests.forget(client: route.client)
        log.notice(
            "dropped a reply",
            metadata: ["reason": "\(reason)", "requests": "\(requests)", "queued_items": "\(dropped.count)"])
    }
}

extension Failure {
    fileprivate static let draining = Failure(.draining, "the server is shutting down")
}

extension ItemAnswer {
    fileprivate static let draining = ItemAnswer(Failure.draining)
    fileprivate static let lost = ItemAnswer(Failure(.internalError, "the item got no answer"))
}

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
