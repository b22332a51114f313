import RewardServer
import Testing

private typealias Queue = Scheduler<Int>

private func key(_ client: UInt8, _ request: UInt8 = 0) -> JobKey { JobKey(client: [client], request: [request]) }

private func items(_ count: Int, bytes: Int = 1) -> [SchedulerItem<Int>] {
    (0..<count).map { SchedulerItem($0, bytes: bytes) }
}

private func tickets(_ batch: Queue.Batch?) -> [Ticket] { batch?.entries.map(\.ticket) ?? [] }

@Suite struct SchedulerTests {
    @Test func clientsTakeTurnsItemByItem() throws {
        var queue = Queue(limits: SchedulerLimits(maxBatch: 4))
        try queue.submit(key(1), items: items(6), now: .zero)
        try queue.submit(key(2), items: items(1), now: .zero)
        try queue.submit(key(3), items: items(2), now: .zero)
        let first = queue.nextBatch(now: .zero)
        #expect(
            tickets(first) == [
                Ticket(key: key(1), index: 0), Ticket(key: key(2), index: 0), Ticket(key: key(3), index: 0),
                Ticket(key: key(1), index: 1),
            ])
        #expect(tickets(queue.nextBatch(now: .zero)).isEmpty, "one batch at a time")
        queue.finish(1, now: .seconds(1))
        #expect(tickets(queue.nextBatch(now: .seconds(1))).map(\.key.client) == [[3], [1], [1], [1]])
    }

    @Test func aPartialBatchWaitsForTheDelayAndAFullOneDoesNot() throws {
        var queue = Queue(limits: SchedulerLimits(maxBatch: 2, maxDelay: .milliseconds(10)))
        try queue.submit(key(1), items: items(1), now: .zero)
        #expect(tickets(queue.nextBatch(now: .milliseconds(9))).isEmpty)
        #expect(queue.nextEvent(now: .milliseconds(9)) == .milliseconds(10))
        try queue.submit(key(2), items: items(1), now: .milliseconds(9))
        #expect(tickets(queue.nextBatch(now: .milliseconds(9))).count == 2)
        queue.finish(1, now: .milliseconds(9))
        try queue.submit(key(1), items: items(1), now: .milliseconds(20))
        #expect(tickets(queue.nextBatch(now: .milliseconds(30))).count == 1)
    }

    @Test func aFullQueueRefusesWithTheMeasuredDelay() throws {
        var queue = Queue(limits: SchedulerLimits(maxBatch: 2, maxQueuedItems: 4, maxQueuedBytes: 100))
        try queue.submit(key(1), items: items(2), now: .zero)
        _ = queue.nextBatch(now: .zero)
        queue.finish(1, now: .seconds(4))
        try queue.submit(key(1), items: items(3), now: .seconds(4))
        #expect(throws: SchedulerRefusal.overloaded(retryAfter: .seconds(6))) {
            try queue.submit(key(2), items: items(2), now: .seconds(4))
        }
        #expect(throws: SchedulerRefusal.overloaded(retryAfter: .seconds(6))) {
            try queue.submit(key(2), items: items(1, bytes: 98), now: .seconds(4))
        }
        #expect(throws: SchedulerRefusal.tooLarge(items: 5, bytes: 5)) {
            try queue.submit(key(2), items: items(5), now: .seconds(4))
        }
        try queue.submit(key(2), items: items(1, bytes: 97), now: .seconds(4))
        #expect(queue.queuedItems == 4 && queue.queuedBytes == 100)
    }

    @Test func overdueWorkIsNeverStarted() throws {
        var queue = Queue(limits: SchedulerLimits(maxBatch: 1))
        try queue.submit(key(1), items: items(2), deadline: .seconds(2), now: .zero)
        try queue.submit(key(2), items: items(1), now: .zero)
        #expect(throws: SchedulerRefusal.expired) {
            try queue.submit(key(3), items: items(1), deadline: .seconds(1), now: .seconds(1))
        }
        #expect(tickets(queue.nextBatch(now: .seconds(1))) == [Ticket(key: key(1), index: 0)])
        #expect(queue.nextEvent(now: .seconds(1)) == .seconds(2))
        #expect(queue.expire(now: .seconds(2)) == [Ticket(key: key(1), index: 1)])
        #expect(queue.expire(now: .seconds(2)).isEmpty)
        queue.finish(1, now: .seconds(3))
        #expect(tickets(queue.nextBatch(now: .seconds(3))) == [Ticket(key: key(2), index: 0)])
    }

    @Test func anIdIsTakenUntilItsLastItemHasLeft() throws {
        var queue = Queue(limits: SchedulerLimits(maxBatch: 1))
        try queue.submit(key(1), items: items(2), now: .zero)
        _ = queue.nextBatch(now: .zero)
        #expect(queue.cancel(key(1)) == [Ticket(key: key(1), index: 1)])
        #expect(queue.cancel(key(1)).isEmpty && queue.cancel(key(9)).isEmpty)
        #expect(throws: SchedulerRefusal.duplicate) { try queue.submit(key(1), items: items(1), now: .zero) }
        try queue.submit(JobKey(client: [2], request: [0]), items: items(1), now: .zero)
        queue.finish(1, now: .zero)
        try queue.submit(key(1), items: items(1), now: .zero)
        #expect(throws: SchedulerRefusal.empty) { try queue.submit(key(4), items: [], now: .zero) }
    }

    @Test func drainingAnswersWhatWasAcceptedAndRefusesTheRest() throws {
        var queue = Queue(limits: SchedulerLimits(maxBatch: 2, maxDelay: .seconds(9)))
        try queue.submit(key(1), items: items(1), now: .zero)
        queue.drain()
        #expect(!queue.isDrained)
        #expect(throws: SchedulerRefusal.draining) { try queue.submit(key(2), items: items(1), now: .zero) }
        #expect(tickets(queue.nextBatch(now: .zero)).count == 1)
        #expect(!queue.isDrained)
        queue.finish(1, now: .zero)
        #expect(queue.isDrained)
    }

    @Test func aGoneClientAndAnEndedDrainDropWhatIsQueued() throws {
        var queue = Queue()
        for client in UInt8(1)...3 { try queue.submit(key(client), items: items(2), now: .zero) }
        #expect(queue.forget(client: [2]).map(\.key) == [key(2), key(2)])
        #expect(queue.abandon().map(\.key.client) == [[1], [1], [3], [3]])
        #expect(queue.queuedItems == 0 && queue.queuedBytes == 0 && queue.nextEvent(now: .zero) == nil)
    }

    /// Random calls against the one rule that matters: every accepted item leaves exactly once, within the bounds.
    @Test(arguments: 0..<40) func everyAcceptedItemLeavesExactlyOnce(seed: Int) throws {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var queue = Queue(
            limits: SchedulerLimits(maxBatch: 3, maxDelay: .milliseconds(5), maxQueuedItems: 12, maxQueuedBytes: 30))
        var waiting: Set<Ticket> = []
        var now = Duration.zero
        var batch: Queue.Batch?
        func leave(_ tickets: [Ticket]) {
            for ticket in tickets { #expect(waiting.remove(ticket) != nil, "\(ticket) left twice") }
        }
        for _ in 0..<600 {
            now += .milliseconds(random(4))
            leave(queue.expire(now: now))
            let name = key(UInt8(random(4)), UInt8(random(6)))
            switch random(8) {
            case 0...3:
                let count = 1 + random(4)
                let deadline = random(2) == 0 ? now + .milliseconds(1 + random(20)) : nil
                let accepted: Void? = try? queue.submit(
                    name, items: items(count, bytes: random(5)), deadline: deadline, now: now)
                if accepted != nil {
                    for index in 0..<count { #expect(waiting.insert(Ticket(key: name, index: index)).inserted) }
                }
            case 4: leave(queue.cancel(name))
            case 5 where random(5) == 0: leave(queue.forget(client: name.client))
            default:
                if let running = batch {
                    queue.finish(running.number, now: now)
                    leave(tickets(running))
                    batch = nil
                } else {
                    batch = queue.nextBatch(now: now)
                    #expect(tickets(batch).count <= 3)
                    #expect(batch == nil || !tickets(batch).isEmpty)
                }
            }
            #expect(queue.queuedItems == waiting.count - tickets(batch).count)
            #expect(queue.queuedItems <= 12 && (0...30).contains(queue.queuedBytes))
        }
        queue.drain()
        while !queue.isDrained {
            leave(queue.expire(now: now))
            if let running = batch ?? queue.nextBatch(now: now) {
                queue.finish(running.number, now: now)
                leave(tickets(running))
                batch = nil
            }
        }
        #expect(waiting.isEmpty && queue.queuedBytes == 0)
    }
}
