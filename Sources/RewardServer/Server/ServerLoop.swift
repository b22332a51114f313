import Logging
import RewardModel
import RewardWire

/// What the sockets' thread does in one turn: read, answer, start batches. It never waits for the model.
struct ServerLoop {
    let configuration: ServerConfiguration
    let listener: Listener
    let engine: EngineQueue
    let replies: ReplyWriter
    let log: Logger
    // The steady clock: setting the machine's time has no effect on deadlines.
    let epoch = ContinuousClock.now
    var scheduler: Scheduler<RequestItem>
    var requests = RequestTable()
    var connections: Connections
    var held: HeldReplies
    var running: [Int: Batch] = [:]
    var isWarm = false
    private(set) var drain: Drain?
    private var clientsGeneration = 0

    struct Batch {
        var tickets: [Ticket]
        var started: Duration
    }

    /// How the server comes to its end.
    struct Drain {
        /// New work is refused from then on.
        var refuseFrom: Duration
        /// What is left then is answered as draining.
        var abandonAt: Duration
        /// `run` returns by then.
        var end: Duration
    }

    init(
        _ configuration: ServerConfiguration, _ listener: Listener, _ engine: EngineQueue, model: ModelInfo, log: Logger
    ) {
        self.configuration = configuration
        self.listener = listener
        self.engine = engine
        self.log = log
        scheduler = Scheduler(limits: configuration.queue)
        held = HeldReplies(patience: configuration.readerPatience)
        connections = Connections(configuration.connections, maxMessageBytes: configuration.limits.maxMessageBytes)
        replies = ReplyWriter(model: model, limits: configuration.limits, queue: configuration.queueLimits)
        clientsGeneration = configuration.security?.clients?.generation ?? 0
    }

    var now: Duration { ContinuousClock.now - epoch }

    /// True when draining, and every accepted request has been answered.
    var isDone: Bool { scheduler.isDraining && requests.isEmpty && held.isEmpty }

    /// How long replies may still take on their way when `isDone`.
    var timeToSend: Duration { min(max((drain?.end ?? now) - now, .milliseconds(100)), .seconds(5)) }

    /// Nil: nothing happens until somebody sends or the engine reports.
    var timeToNextEvent: Duration? {
        if isDone { return .zero }
        let now = now
        let ready = isWarm ? scheduler.nextEvent(now: now) : nil
        let ends = drain.map { scheduler.isDraining ? $0.abandonAt : $0.refuseFrom }
        let next = [ready, requests.nextEvent, ends, connections.nextCheck, held.nextTry(now: now)]
            .compactMap { $0 }.min()
        // A batch that is due while the engine is busy has no event: the engine's report wakes the loop.
        return next.map { max($0 - now, .zero) }
    }

    mutating func turn() throws {
        let isEmpty = try readMessages()
        try noteConnections()
        try sendHeld()
        // What has not been read yet must not be taken for a part of a message.
        if isEmpty { closePartial() }
        dropRevoked()
        for report in engine.takeReports() { try handle(report) }
        goOnDraining()
        answerOverdue()
        tellProgress()
        startBatch()
        configuration.observe(.turned(state))
    }

    /// A bounded number, so that a flood of messages cannot keep finished work from its clients. True: there are no more.
    private mutating func readMessages() throws -> Bool {
        for _ in 0..<64 {
            guard let arrival = try listener.receive() else { return true }
            configuration.observe(.received(bytes: arrival.bytes))
            try handle(arrival)
        }
        return false
    }

    /// Answers what arrived too late to be taken, so that its senders need not wait in vain.
    mutating func refuseTheRest() throws {
        for _ in 0..<10_000 {
            guard let arrival = try listener.receive() else { return }
            try handle(arrival)
        }
    }

    // MARK: Draining

    /// Says that it is not ready at once, refuses new work after `unreadyTime`, and ends within `drainTime`.
    mutating func startDraining() {
        guard drain == nil else { return }
        let (now, time) = (now, configuration.drainTime)
        // The last replies need a moment on their way, which is a part of the time given.
        let flush = min(Duration.seconds(1), time / 5)
        drain = Drain(
            refuseFrom: now + min(configuration.unreadyTime, time), abandonAt: now + time - flush, end: now + time)
        goOnDraining()
    }

    private mutating func goOnDraining() {
        guard let drain, drain.refuseFrom <= now, !scheduler.isDraining else { return }
        log.info("draining", metadata: ["requests": "\(requests.count)", "queued_items": "\(scheduler.queuedItems)"])
        scheduler.drain()
    }

    // MARK: The engine

    private mutating func startBatch() {
        guard isWarm else { return }
        let now = now
        _ = scheduler.expire(now: now)
        guard let batch = scheduler.nextBatch(now: now) else { return }
        let tickets = batch.entries.map(\.ticket)
        running[batch.number] = Batch(tickets: tickets, started: now)
        for ticket in tickets { requests.update(ticket.key) { $0.noteStart(batch: tickets.count, now: now) } }
        configuration.observe(.batchStarted(items: tickets.count))
        engine.start(batch: batch.number, batch.entries.map(\.payload))
    }

    private mutating func handle(_ report: EngineQueue.Report) throws {
        switch report {
        case .warm(let failure):
            if let failure { throw Server.Problem.unusableModel(failure) }
            isWarm = true
            log.info("ready")
        case .finished(let number, let answers, let times):
            let now = now
            scheduler.finish(number, now: now)
            guard let batch = running.removeValue(forKey: number) else { return }
            configuration.observe(.batchFinished(items: batch.tickets.count, seconds: now - batch.started))
            configuration.observe(.batchTimes(times))
            for (ticket, answer) in zip(batch.tickets, answers) {
                // Cancelled and overdue requests are answered and gone; their late results go nowhere.
                requests.update(ticket.key) { $0.set(answer, at: ticket.index, now: now) }
                if let done = requests.closeIfAnswered(ticket.key) { reply(done) }
            }
        }
    }

    // MARK: Revoked keys

    /// Ends what is open for clients whose keys are no longer in the list.
    private mutating func dropRevoked() {
        guard let clients = configuration.security?.clients, clients.generation != clientsGeneration else { return }
        clientsGeneration = clients.generation
        for request in requests.closeAll(where: { !clients.admits($0.route.user) }) {
            _ = scheduler.cancel(request.key)
            reply(request, missing: ItemAnswer(Failure.revoked))
        }
        for _ in 0..<connections.closeAll(where: { !clients.admits($0) }, now: now) { noteClosed(.revoked) }
    }
}
