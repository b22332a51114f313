import Glibc
import RewardModel
import RewardServer
import RewardWire
import Synchronization
import Testing

/// What connections cost, and what happens to the work of those that end.
@Suite struct ConnectionTests {
    @Test(arguments: ["tcp://127.0.0.1:*", "ipc://*"]) func workOfAClientThatIsGoneIsDroppedAtOnce(endpoint: String)
        throws
    {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer, endpoint: endpoint) { $0.queue.maxBatch = 1 }
        let staying = try RawClient(server.endpoint)
        try staying.send(1, [TinyModel.item("stays")])
        try staying.wait { $0.runningItems == 1 }
        do {
            let leaving = try RawClient(server.endpoint)
            try leaving.send(2, (0..<50).map { _ in TinyModel.item("gone") })
            try leaving.wait { $0.queuedItems == 50 }
        }
        // The model is at work all the time: nothing was sent to the client that left.
        try staying.wait { $0.queuedItems == 0 && $0.queuedBytes == 0 }
        scorer.open()
        #expect(try staying.reply().header.items.map(\.status.code) == [.ok])
        #expect(scorer.batches == [["stays"]])
        try server.stop()
    }

    @Test func aClientBeyondTheLimitIsRefusedUntilAnotherLeaves() throws {
        let server = try RunningServer(try SlowScorer()) { $0.connections.maxClients = 2 }
        let first = try RawClient(server.endpoint)
        var second: RawClient? = try RawClient(server.endpoint)
        try first.wait { $0.ready }
        #expect(try second?.health().live == true)
        let third = try RawClient(server.endpoint)
        try third.send(1, [TinyModel.item("x")])
        let refused = try third.reply().header.status
        #expect(refused.code == .overloaded && refused.retryable && refused.retryAfterMs > 0)
        #expect(try third.health().live, "questions that cost nothing are answered")
        second = nil
        var code = WireStatusCode.overloaded
        for id in 2..<100 where code == .overloaded {
            usleep(10_000)
            try third.send(UInt8(id), [TinyModel.item("x")])
            code = try third.reply().header.status.code
        }
        #expect(code == .ok)
        try server.stop()
    }

    @Test func whoSendsLittleButNonsenseIsDisconnectedAndNobodyElse() throws {
        let events = Mutex<[ServerEvent]>([])
        let shared = Shared(events)
        let server = try RunningServer(try SlowScorer()) {
            $0.connections.maxWrongPerSecond = 20
            $0.observe = { event in shared.events.withLock { $0.append(event) } }
        }
        let other = try RawClient(server.endpoint)
        let noisy = try RawClient(server.endpoint)
        for _ in 0..<60 { try noisy.send([[1, 2, 3]]) }
        var answers = 0
        while try noisy.receive(.milliseconds(300)) != nil { answers += 1 }
        // What was on its way goes over a second connection, which has an allowance of its own.
        #expect(answers < 60)
        #expect(shared.events.withLock { $0.contains(.closed(.wrongMessages)) })
        #expect(try other.health().live)
        // A few are answered, as the contract says.
        let careless = try RawClient(server.endpoint)
        for _ in 0..<20 { try careless.send([[1, 2, 3]]) }
        for _ in 0..<20 { #expect(try careless.reply().header.status.code == .invalidRequest) }
        #expect(try careless.health().live)
        try server.stop()
    }

    private final class Shared: Sendable {
        let events: Mutex<[ServerEvent]>
        init(_ events: consuming Mutex<[ServerEvent]>) { self.events = events }
    }

    @Test func repliesThatAreNotReadAreBoundedInBytes() throws {
        let server = try RunningServer(try SlowScorer()) {
            $0.connections.maxUnreadBytes = 1 << 20
            $0.repliesPerClient = 100_000
        }
        let deaf = try RawClient(server.endpoint)
        try deaf.socket.set(.receiveHighWaterMark(1))
        let id = [UInt8](repeating: 1, count: 64)
        var sent = 0
        while sent < 40_000, (try? deaf.send(RequestWriter.info(id: id))) != nil { sent += 1 }
        let size = try RawClient(server.endpoint).infoSize()
        var received = 0
        while try deaf.receive(.milliseconds(500)) != nil { received += 1 }
        // The kernel's buffers and libzmq's own hold some more than the bound.
        #expect(
            received > 0 && (received == sent || received * size < 64 << 20), "\(received) of \(sent), \(size) each")
        try server.stop()
    }

    @Test func whoAsksForProgressHearsThatItsRequestIsStillOpen() throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer)
        let client = try RawClient(server.endpoint)
        let info = try client.info()
        #expect(info.features.contains(ProtocolFeature.progress))
        try client.send(
            RequestWriter.predict([TinyModel.item("x")], id: [7], timeout: nil, progress: .milliseconds(100)))
        for _ in 0..<3 {
            let sign = try client.reply().header
            #expect(sign.requestID.elementsEqual([7]) && sign.status.code == .inProgress && sign.items.isEmpty)
        }
        scorer.open()
        var last = try client.reply().header
        while last.status.code == .inProgress { last = try client.reply().header }
        #expect(last.status.code == .ok && last.items.map(\.status.code) == [.ok])
        #expect(try client.receive(.milliseconds(250)) == nil, "nothing comes after the answer")
        try server.stop()
    }

    @Test func itSaysThatItIsNotReadyBeforeItRefusesWork() throws {
        let server = try RunningServer(try SlowScorer()) {
            $0.unreadyTime = .milliseconds(400)
            $0.drainTime = .seconds(5)
        }
        let client = try RawClient(server.endpoint)
        try client.wait { $0.ready }
        server.drain()
        try client.wait { !$0.ready }
        #expect(try !client.health().draining)
        try client.send(1, [TinyModel.item("still taken")])
        #expect(try client.reply().header.items.map(\.status.code) == [.ok])
        try server.wait(seconds: 3)
    }

    @Test func aDrainEndsInTimeThoughAClientReadsNothing() throws {
        let scorer = try SlowScorer()
        let server = try RunningServer(scorer) { $0.drainTime = .seconds(1) }
        let deaf = try RawClient(server.endpoint)
        var sent = 0
        while sent < 20_000, (try? deaf.send(RequestWriter.info(id: [UInt8](repeating: 1, count: 64)))) != nil {
            sent += 1
        }
        usleep(300_000)
        let clock = ContinuousClock()
        let started = clock.now
        server.drain()
        try server.wait(seconds: 10)
        #expect(clock.now - started < .seconds(2))
    }
}

extension RawClient {
    func info() throws -> WireInfo {
        try send(RequestWriter.info(id: [9]))
        return try reply().header.info
    }

    func infoSize() throws -> Int {
        try send(RequestWriter.info(id: [UInt8](repeating: 1, count: 64)))
        return try #require(try receive()).reduce(0) { $0 + $1.count }
    }
}
