/// Joins requests of many clients into batches for one engine, inside stated bounds.
///
/// A state machine: no sockets, no threads, no clock. Times are durations since any fixed moment and must not go back.
/// Every accepted item leaves exactly once: in a batch, or as a ticket from `expire`, `cancel`, `forget` or `abandon`.
package struct Scheduler<Payload> {
    package let limits: SchedulerLimits
    private var jobs: [JobKey: Job] = [:]
    /// Clients with queued items, in the order of their next turn; each with its jobs, oldest first.
    private var turns: [[UInt8]] = []
    private var queues: [[UInt8]: [JobKey]] = [:]
    private var running: (batch: Batch, started: Duration)?
    private var nextBatchNumber = 1
    /// Measured seconds per item, smoothed. Nil until the first batch has finished.
    private var secondsPerItem: Double?

    package private(set) var isDraining = false
    /// Items accepted and not yet started.
    package private(set) var queuedItems = 0
    package private(set) var queuedBytes = 0

    private struct Job {
        var items: [SchedulerItem<Payload>?]
        /// The first item that has not started.
        var next = 0
        /// Items inside the running batch.
        var started = 0
        var arrived: Duration
        var deadline: Duration?
    }

    /// Items that go through the engine together.
    package struct Batch {
        package let number: Int
        package let entries: [(ticket: Ticket, payload: Payload)]
    }

    package init(limits: SchedulerLimits = SchedulerLimits()) {
        self.limits = limits
    }

    package var isEngineBusy: Bool { running != nil }
    /// When the item that has waited longest was accepted.
    package var oldestArrival: Duration? {
        queues.values.compactMap { $0.first.flatMap { jobs[$0]?.arrived } }.min()
    }
    /// True when draining and every accepted item has left.
    package var isDrained: Bool { isDraining && running == nil && queuedItems == 0 }

    /// Accepts all items of a request, or none.
    package mutating func submit(
        _ key: JobKey, items: [SchedulerItem<Payload>], deadline: Duration? = nil, now: Duration
    ) throws(SchedulerRefusal) {
        if isDraining { throw .draining }
        if jobs[key] != nil { throw .duplicate }
        if items.isEmpty { throw .empty }
        if let deadline, deadline <= now { throw .expired }
        let bytes = items.reduce(0) { $0 + $1.bytes }
        if items.count > limits.maxQueuedItems || bytes > limits.maxQueuedBytes {
            throw .tooLarge(items: items.count, bytes: bytes)
        }
        if items.count > limits.maxQueuedItems - queuedItems || bytes > limits.maxQueuedBytes - queuedBytes {
            throw .overloaded(retryAfter: retryDelay)
        }
        jobs[key] = Job(items: items, arrived: now, deadline: deadline)
        if queues[key.client] == nil { turns.append(key.client) }
        queues[key.client, default: []].append(key)
        queuedItems += items.count
        queuedBytes += bytes
    }

    /// The next batch, when the engine is idle and a batch is full, has waited long enough, or the queue is draining.
    ///
    /// Clients take turns item by item, so a long request never holds up a short one of somebody else.
    /// Call `expire` first: what is overdue is never started.
    package mutating func nextBatch(now: Duration) -> Batch? {
        precondition(overdue(now).isEmpty, "overdue work is dropped before a batch is made")
        guard running == nil, let ready = readyTime(now), ready <= now else { return nil }
        var entries: [(ticket: Ticket, payload: Payload)] = []
        while entries.count < limits.maxBatch, !turns.isEmpty {
            let client = turns.removeFirst()
            guard let key = queues[client]?.first, let entry = start(key) else { continue }
            entries.append(entry)
            if queues[client] != nil { turns.append(client) }
        }
        let batch = Batch(number: nextBatchNumber, entries: entries)
        nextBatchNumber += 1
        running = (batch, now)
        return batch
    }

    /// Says that the engine has answered every item of the running batch.
    package mutating func finish(_ number: Int, now: Duration) {
        guard let (batch, started) = running, batch.number == number else {
            preconditionFailure("only the running batch can finish")
        }
        running = nil
        let (seconds, attoseconds) = (now - started).components
        let sample = (Double(seconds) + Double(attoseconds) * 1e-18) / Double(batch.entries.count)
        secondsPerItem = secondsPerItem.map { 0.8 * $0 + 0.2 * sample } ?? sample
        for (ticket, _) in batch.entries {
            guard let job = jobs[ticket.key] else { continue }
            if job.started == 1 && job.next == job.items.count {
                jobs[ticket.key] = nil
            } else {
                jobs[ticket.key]?.started -= 1
            }
        }
    }

    /// Drops queued items whose deadline has passed.
    package mutating func expire(now: Duration) -> [Ticket] {
        overdue(now).flatMap { drop($0) }
    }

    /// Drops the queued items of a request. Items already in the engine finish; their answers are the caller's to drop.
    package mutating func cancel(_ key: JobKey) -> [Ticket] {
        drop(key)
    }

    /// Drops everything queued by a client that is gone.
    package mutating func forget(client: [UInt8]) -> [Ticket] {
        (queues[client] ?? []).flatMap { drop($0) }
    }

    /// Refuses new work from now on; accepted work goes on, without waiting for fuller batches.
    package mutating func drain() {
        isDraining = true
    }

    /// Drops all queued items, in the clients' order: the time for draining is over.
    package mutating func abandon() -> [Ticket] {
        turns.flatMap { forget(client: $0) }
    }

    /// The next moment at which `expire` or `nextBatch` has something to do without any other call. Nil: none.
    package func nextEvent(now: Duration) -> Duration? {
        let deadlines = queues.values.joined().compactMap { jobs[$0]?.deadline }
        let ready = running == nil ? readyTime(now) : nil
        return [deadlines.min(), ready].compactMap { $0 }.min()
    }

    /// When a refused client should try again: the time the present queue takes, by the measured speed.
    package var retryDelay: Duration {
        let items = queuedItems + (running?.batch.entries.count ?? 0)
        let estimate = Duration.seconds((secondsPerItem ?? 0) * Double(items))
        return min(max(estimate, limits.retryDelay.lowerBound), limits.retryDelay.upperBound)
    }
}

extension Scheduler {
    private func readyTime(_ now: Duration) -> Duration? {
        guard queuedItems > 0 else { return nil }
        if isDraining || queuedItems >= limits.maxBatch { return now }
        return oldestArrival.map { $0 + limits.maxDelay }
    }

    private func overdue(_ now: Duration) -> [JobKey] {
        turns.flatMap { queues[$0] ?? [] }.filter { key in
            guard let deadline = jobs[key]?.deadline else { return false }
            return deadline <= now
        }
    }

    /// Moves a job's next item out of the queue.
    private mutating func start(_ key: JobKey) -> (ticket: Ticket, payload: Payload)? {
        guard var job = jobs[key], job.next < job.items.count, let item = job.items[job.next] else { return nil }
        let ticket = Ticket(key: key, index: job.next)
        job.items[job.next] = nil
        job.next += 1
        job.started += 1
        queuedItems -= 1
        queuedBytes -= item.bytes
        if job.next == job.items.count { unqueue(key) }
        jobs[key] = job
        return (ticket, item.payload)
    }

    private mutating func drop(_ key: JobKey) -> [Ticket] {
        guard var job = jobs[key], job.next < job.items.count else { return [] }
        let tickets = (job.next..<job.items.count).map { Ticket(key: key, index: $0) }
        let bytes = job.items[job.next...].reduce(0) { $0 + ($1?.bytes ?? 0) }
        queuedItems -= tickets.count
        queuedBytes -= bytes
        unqueue(key)
        job.items.replaceSubrange(job.next..., with: tickets.map { _ in nil })
        job.next = job.items.count
        jobs[key] = job.started > 0 ? job : nil
        return tickets
    }

    private mutating func unqueue(_ key: JobKey) {
        queues[key.client]?.removeAll { $0 == key }
        if queues[key.client]?.isEmpty == true {
            queues[key.client] = nil
            turns.removeAll { $0 == key.client }
        }
    }
}
