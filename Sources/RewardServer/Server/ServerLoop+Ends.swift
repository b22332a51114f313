import Logging
import RewardModel
import RewardWire

/// What goes out: answers, and the ends of requests that get none.
extension ServerLoop {
    mutating func answerOverdue() {
        let now = now
        _ = scheduler.expire(now: now)
        for request in requests.closeOverdue(now: now) {
            let failure = Failure(.deadlineExceeded, "the time given ended before this item was done")
            reply(request, missing: ItemAnswer(failure))
        }
        guard let drain, scheduler.isDraining, drain.abandonAt <= now else { return }
        _ = scheduler.abandon()
        for request in requests.closeAll(where: { _ in true }) { reply(request, missing: .draining) }
    }

    /// Tells those who want to know that their requests are still open.
    mutating func tellProgress() {
        for (id, route) in requests.takeDueProgress(now: now) { send(replies.progress(id), to: route) }
    }

    mutating func reply(_ request: OpenRequest, missing: @autoclosure () -> ItemAnswer = .lost) {
        let timings = request.timings(now: now)
        let answers = request.completed(missing())
        let failures = answers.compactMap { $0.message.status.failure?.code }
        log.debug(
            "answered",
            metadata: [
                "request": "\(hex(request.id))", "items": "\(answers.count)", "failed": "\(failures.count)",
                "queue_ms": "\(timings.queueMs)", "compute_ms": "\(timings.computeMs)", "batch": "\(timings.batchSize)",
            ])
        for (item, answer) in answers.enumerated() {
            guard let failure = answer.message.status.failure else { continue }
            log.info(
                "an item failed",
                metadata: [
                    "request": "\(hex(request.id))", "item": "\(item)", "code": "\(failure.code.rawValue)",
                    "reason": "\(failure.message)",
                ])
        }
        configuration.observe(
            .answered(
                items: answers.count, failures: failures, queue: .seconds(Double(timings.queueMs) / 1000),
                compute: .seconds(Double(timings.computeMs) / 1000)))
        let scores = answers.compactMap { $0.message.hasScores ? $0.message.scores.scores : nil }
        if !scores.isEmpty || !failures.isEmpty {
            configuration.observe(.rewards(scores, failed: failures.count))
        }
        let frames = replies.answers(request.id, answers, timings: timings)
        if let record = configuration.record, let recorded = request.recorded {
            record(
                RecordedExchange(
                    receivedMicroseconds: recorded.receivedMicroseconds, request: recorded.frames, reply: frames,
                    user: request.route.user))
        }
        send(frames, to: request.route)
    }

    mutating func send(_ frames: [[UInt8]], to route: Listener.Route) {
        let bytes = frames.reduce(0) { $0 + $1.count }
        do throws(ZeroMQError) {
            guard connections.takesReply(bytes, to: route.connection) else { return forget(stuck: route) }
            let mustWait = held.isHolding(for: route.connection)
            switch try mustWait ? .full : listener.send(frames, to: route) {
            case .sent:
                held.noteSent(over: route.connection)
                configuration.observe(.sent(bytes: bytes))
            case .gone: forget(connection: route.connection)
            case .full:
                if held.hold(frames, to: route, now: now) { return }
                connections.untake(bytes, to: route.connection)
                forget(stuck: route)
            }
        } catch {
            log.error("a reply was lost", metadata: ["reason": "\(error)"])
            forget(connection: route.connection)
        }
    }

    /// Sends what had to wait, as far as its clients read.
    mutating func sendHeld() throws(ZeroMQError) {
        for connection in held.connections {
            while let reply = held.first(for: connection) {
                let delivery = try listener.send(reply.frames, to: reply.route)
                if delivery == .sent {
                    held.removeFirst(for: connection, now: now)
                    configuration.observe(.sent(bytes: reply.bytes))
                    continue
                }
                if delivery == .gone { forget(connection: connection) }
                break
            }
            let lost = held.giveUp(on: connection, now: now)
            guard !lost.isEmpty else { continue }
            connections.untake(lost.reduce(0) { $0 + $1.bytes }, to: connection)
            // Several, when it is a proxy's.
            let clients = Dictionary(lost.map { ($0.route.client, $0.route) }) { first, _ in first }
            for route in clients.values { forget(stuck: route) }
        }
    }

    /// Drops all work that came over a connection: its client is gone, or all clients of the proxy that it was.
    mutating func forget(connection: [UInt8]) {
        held.forget(connection)
        let dropped = drop { $0.route.connection == connection }
        guard dropped.requests > 0 else { return }
        log.notice(
            "a client is gone",
            metadata: ["requests": "\(dropped.requests)", "queued_items": "\(dropped.queuedItems)"])
        configuration.observe(.clientGone(requests: dropped.requests, queuedItems: dropped.queuedItems))
    }

    private mutating func forget(stuck route: Listener.Route) {
        // Over a proxy one client's replies cannot be told from another's: the one that found no room is lost.
        let dropped = drop { $0.route.client == route.client }
        // Who goes on asking is no news.
        if held.noteDeaf(route.connection, now: now) || dropped.requests > 0 {
            log.notice(
                "dropped a reply",
                metadata: [
                    "reason": "the client does not read its replies", "requests": "\(dropped.requests)",
                    "queued_items": "\(dropped.queuedItems)",
                ])
        }
        configuration.observe(.clientStuck(requests: dropped.requests, queuedItems: dropped.queuedItems))
    }

    private mutating func drop(where isMeant: (OpenRequest) -> Bool) -> (requests: Int, queuedItems: Int) {
        let closed = requests.closeAll(where: isMeant)
        return (closed.count, closed.reduce(0) { $0 + scheduler.cancel($1.key).count })
    }

    func noteClosed(_ offence: Connections.Offence) {
        log.notice("closed a connection", metadata: ["reason": "\(offence.rawValue)"])
        configuration.observe(.closed(offence))
    }
}

extension Failure {
    static let draining = Failure(.draining, "the server is shutting down")
    static let revoked = Failure(.permissionDenied, "this client's key is not in the list of clients any more")
}

extension ItemAnswer {
    static let draining = ItemAnswer(Failure.draining)
    static let lost = ItemAnswer(Failure(.internalError, "the item got no answer"))
}
