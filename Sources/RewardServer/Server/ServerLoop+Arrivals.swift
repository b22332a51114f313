import Logging
import RewardModel
import RewardWire

/// What comes in: connections and messages.
extension ServerLoop {
    /// Drops the work of those who are gone.
    mutating func noteConnections() throws(ZeroMQError) {
        while let event = try listener.monitor.next() {
            let (gone, closed) = connections.note(event)
            if let gone { forget(connection: gone) }
            if let closed { noteClosed(closed) }
        }
    }

    mutating func closePartial() {
        for _ in 0..<connections.check(now: now) { noteClosed(.partialMessage) }
    }

    mutating func handle(_ arrival: Listener.Arrival) throws {
        let route = arrival.route
        var isTooMany = false
        if arrival.descriptor >= 0 {
            // Events before a client's first message are about those who had its descriptor before.
            if !connections.knows(route.connection, over: arrival.descriptor) { try noteConnections() }
            let (sender, gone) = connections.arrived(
                from: route.connection, user: route.user, over: arrival.descriptor)
            if let gone { forget(connection: gone) }
            if sender == .gone { return }
            isTooMany = sender == .tooMany
        }
        guard held.isWorthAnAnswer(to: route.connection, now: now) else {
            return configuration.observe(.refused(.overloaded))
        }
        let message: RequestMessage
        do throws(RequestMessage.Refusal) {
            message = try RequestMessage(
                frames: arrival.frames, discardedFrames: arrival.discardedFrames,
                discardedBytes: arrival.discardedBytes, limits: configuration.limits)
        } catch {
            return refuseWrong(error, arrival)
        }
        if let clients = configuration.security?.clients, !clients.admits(route.user) {
            return refuse(message.id, .revoked, route)
        }
        switch message.action {
        case .predict(let items):
            if isTooMany {
                let most = configuration.connections.maxClients
                let failure = Failure(.overloaded, "the server has \(most) clients already")
                return refuse(message.id, failure, retryAfter: .seconds(1), route)
            }
            // Work for who does not read would be in vain, and others would wait for it.
            if held.isHolding(for: route.connection) || held.isDeaf(route.connection) {
                let failure = Failure(.overloaded, "this client has not read its replies")
                return refuse(message.id, failure, retryAfter: .milliseconds(100), route)
            }
            accept(message, items, arrival)
        case .info: send(replies.info(message.id), to: route)
        case .health: send(replies.health(message.id, health), to: route)
        case .cancel(let target): cancel(target, message.id, route)
        }
    }

    /// Answers what is no request, and closes the connection of who sends little else.
    private mutating func refuseWrong(_ refusal: RequestMessage.Refusal, _ arrival: Listener.Arrival) {
        // Many clients share a proxy's connection: it is not theirs to lose.
        if arrival.descriptor >= 0, !arrival.route.isProxied,
            connections.countWrong(over: arrival.descriptor, now: now)
        {
            return noteClosed(.wrongMessages)
        }
        refuse(refusal.id, refusal.failure, arrival.route)
    }

    mutating func refuse(
        _ id: [UInt8], _ failure: Failure, retryAfter: Duration? = nil, _ route: Listener.Route
    ) {
        log.debug("refused", metadata: ["request": "\(hex(id))", "code": "\(failure.code.rawValue)"])
        configuration.observe(.refused(failure.code))
        send(replies.refusal(id, failure, retryAfter: retryAfter), to: route)
    }

    private mutating func accept(_ message: RequestMessage, _ items: [RequestItem], _ arrival: Listener.Arrival) {
        let (now, route) = (now, arrival.route)
        let client = route.client
        guard !requests.contains(client: client, id: message.id) else {
            let failure = Failure(.duplicateRequest, "a request of this connection with this id is still open")
            return refuse(message.id, failure, route)
        }
        let deadline = message.timeout.map { now + $0 }
        let key = requests.nextKey(client: client)
        let bytes = items.reduce(0) { $0 + $1.bytes }
        do throws(SchedulerRefusal) {
            _ = scheduler.expire(now: now)
            try scheduler.submit(
                key, items: items.map { SchedulerItem($0, bytes: $0.bytes) }, deadline: deadline, now: now)
        } catch {
            let (failure, retryAfter) = Self.failure(error, configuration.queue)
            return refuse(message.id, failure, retryAfter: retryAfter, route)
        }
        configuration.observe(.accepted(items: items.count, bytes: bytes))
        var facts: Logger.Metadata = [
            "request": "\(hex(message.id))", "items": "\(items.count)", "bytes": "\(bytes)",
        ]
        if configuration.logsPrompts { facts["prompts"] = .array(items.map { .string($0.promptText) }) }
        log.log(level: configuration.logsPrompts ? .info : .debug, "accepted", metadata: facts)
        requests.open(
            OpenRequest(
                id: message.id, route: route, key: key, groups: items.map(\.group), arrived: now, deadline: deadline,
                progress: message.progress,
                recorded: configuration.record == nil ? nil : RecordedRequest(arrival.frames)))
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

    /// What the metrics tell of.
    var state: ServerState {
        var state = ServerState()
        state.queuedItems = scheduler.queuedItems
        state.queuedBytes = scheduler.queuedBytes
        state.oldestArrival = scheduler.oldestArrival.map { epoch + $0 }
        state.runningItems = running.values.reduce(0) { $0 + $1.tickets.count }
        state.runningSince = running.values.map(\.started).min().map { epoch + $0 }
        state.openRequests = requests.count
        state.clients = connections.clientCount
        state.isReady = isWarm && drain == nil
        state.isDraining = scheduler.isDraining
        return state
    }

    private var health: WireHealth {
        var health = WireHealth()
        health.live = true
        health.ready = isWarm && drain == nil
        health.draining = scheduler.isDraining
        health.queuedItems = UInt32(clamping: scheduler.queuedItems)
        health.queuedBytes = UInt64(scheduler.queuedBytes)
        health.runningItems = UInt32(clamping: running.values.reduce(0) { $0 + $1.tickets.count })
        health.uptimeMs = UInt64(now / .milliseconds(1))
        return health
    }

    private mutating func cancel(_ target: [UInt8], _ id: [UInt8], _ route: Listener.Route) {
        let request = requests.close(client: route.client, id: target)
        if let request {
            _ = scheduler.cancel(request.key)
            reply(request, missing: ItemAnswer(Failure(.cancelled, "cancelled by its sender")))
        }
        send(replies.cancelled(id, found: request != nil, items: request?.unanswered ?? 0), to: route)
    }
}

extension ClientList {
    /// Whether an authenticated user may still ask.
    func admits(_ user: String?) -> Bool {
        user.flatMap { CurveKey(z85: $0) }.flatMap { name(of: $0) } != nil
    }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
