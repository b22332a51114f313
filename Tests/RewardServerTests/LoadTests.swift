import Glibc
import RewardImage
import RewardModel
import RewardServer
import RewardWire
import Synchronization
import Testing

/// What happens when there is more work than time: a scorer that waits stands for a busy model.
@Suite struct LoadTests {
    @Test func healthInfoAndCancelAreAnsweredWhileTheModelWorks() throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer) { $0.queue.maxBatch = 2 }
        let client = try RawClient(server.endpoint)
        try client.send(1, (0..<5).map { TinyModel.item("\($0)") })
        try client.wait { $0.runningItems > 0 }
        let health = try client.health()
        #expect(health.ready && health.runningItems == 2 && health.queuedItems == 3 && health.queuedBytes > 0)
        try client.send(RequestWriter.info(id: [2]))
        #expect(try client.reply().header.info.limits.maxBatch == 2)
        try client.send(RequestWriter.cancel([1], id: [3]))
        let cancelled = try client.reply()
        #expect(cancelled.header.requestID.elementsEqual([1]))
        #expect(cancelled.header.items.map(\.status.code) == [WireStatusCode](repeating: .cancelled, count: 5))
        let answer = try client.reply().header.cancel
        #expect(answer.found && answer.cancelledItems == 5)
        scorer.open()
        // Nothing more comes for the cancelled request, and its three queued items never reach the model.
        try client.send(4, [TinyModel.item("later")])
        #expect(try client.reply().header.requestID.elementsEqual([4]))
        #expect(scorer.batches == [["0", "1"], ["later"]])
        try client.send(RequestWriter.cancel([1], id: [5]))
        #expect(try client.reply().header.cancel.found == false)
        try server.stop()
    }

    @Test func aDeadlineEndsWaitingInTheQueueAndInThePass() throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer) { $0.queue.maxBatch = 1 }
        let client = try RawClient(server.endpoint)
        try client.send(1, [TinyModel.item("in the pass"), TinyModel.item("queued")], timeout: .milliseconds(60))
        let reply = try client.reply()
        #expect(reply.header.status.code == .ok)
        #expect(reply.header.items.map(\.status.code) == [.deadlineExceeded, .deadlineExceeded])
        // The id is free again; the late result of its first use goes nowhere.
        try client.send(1, [TinyModel.item("again")])
        try client.wait { $0.queuedItems == 1 }
        scorer.open()
        let second = try client.reply()
        #expect(second.header.items.map(\.status.code) == [.ok])
        #expect(second.header.items[0].scores.overall == 0.005)
        #expect(scorer.batches == [["in the pass"], ["again"]])
        try server.stop()
    }

    @Test func finishedItemsKeepTheirAnswersWhenTheDeadlinePasses() throws {
        let scorer = try SlowScorer(passTime: .milliseconds(150))
        let server = try RunningServer(scorer) { $0.queue.maxBatch = 1 }
        let client = try RawClient(server.endpoint)
        try client.send(1, (0..<4).map { TinyModel.item("\($0)") }, timeout: .milliseconds(200))
        let codes = try client.reply().header.items.map(\.status.code)
        #expect(codes.first == .ok && codes.last == .deadlineExceeded)
        try server.stop()
    }

    @Test func aFullQueueRefusesWithADelayAndTheClientWaitsItOut() throws {
        let scorer = try SlowScorer(passTime: .milliseconds(5))
        let server = try RunningServer(scorer) {
            $0.queue.maxQueuedItems = 4
            $0.queue.maxBatch = 2
        }
        let raw = try RawClient(server.endpoint)
        for id in 0..<40 { try raw.send(UInt8(id), [TinyModel.item("a"), TinyModel.item("b")]) }
        let replies = try (0..<40).map { _ in try raw.reply().header.status }
        let refused = replies.filter { $0.code == .overloaded }
        #expect(!refused.isEmpty && refused.allSatisfy { $0.retryable && $0.retryAfterMs >= 50 })
        #expect(replies.filter { $0.code == .ok }.count + refused.count == 40)
        // More than the whole queue can never be taken; the client sends it in parts.
        try raw.send(50, (0..<5).map { TinyModel.item("\($0)") })
        #expect(try raw.reply().header.status.code == .tooLarge)
        let endpoint = server.endpoint
        let failures = OnThread.all(6) { index in
            guard let remote = try? RemoteScorer(endpoint) else { return 1000 }
            let items = (0..<9).map { TinyModel.item(String(repeating: "x", count: index * 9 + $0 + 1)) }
            return zip(items, remote.predict(items)).count { item, result in
                (try? result.get().scores?.overall) != Float(item.prompt.utf8.count) / 1000
            }
        }
        #expect(failures == [0, 0, 0, 0, 0, 0])
        try server.stop()
    }

    @Test func anIdInUseIsRefusedAndTheFirstRequestIsAnswered() throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer)
        let client = try RawClient(server.endpoint)
        try client.send(1, [TinyModel.item("first")])
        try client.send(1, [TinyModel.item("second")])
        #expect(try client.reply().header.status.code == .duplicateRequest)
        let other = try RawClient(server.endpoint)
        try other.send(1, [TinyModel.item("another client's")])
        try other.wait { $0.queuedItems == 1 }
        scorer.open()
        #expect(try client.reply().header.items[0].scores.overall == 0.005)
        #expect(try other.reply().header.items.map(\.status.code) == [.ok])
        try server.stop()
    }

    @Test func aPoisonItemFailsAlone() throws {
        let server = try RunningServer(try SlowScorer())
        let remote = try RemoteScorer(server.endpoint)
        let results = remote.predict(["good", "poison", "fine"].map { TinyModel.item($0) })
        #expect(results.map { (try? $0.get()) != nil } == [true, false, true])
        #expect(results[1] == .failure(Failure(.nonFiniteResult, "poison")))
        try server.stop()
    }

    @Test func drainingAnswersWhatWasAcceptedAndRefusesTheRest() throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer)
        let client = try RawClient(server.endpoint)
        try client.send(1, [TinyModel.item("accepted")])
        try client.wait { $0.runningItems == 1 }
        server.drain()
        try client.wait { $0.draining }
        #expect(try !client.health().ready && client.health().live)
        try client.send(2, [TinyModel.item("too late")])
        let refused = try client.reply().header.status
        #expect(refused.code == .draining && refused.retryable)
        scorer.open()
        #expect(try client.reply().header.items.map(\.status.code) == [.ok])
        try server.wait()
    }

    @Test func aDrainThatTakesTooLongAnswersTheRestAsDraining() throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer) {
            $0.drainTime = .milliseconds(50)
            $0.queue.maxBatch = 1
        }
        let client = try RawClient(server.endpoint)
        try client.send(1, [TinyModel.item("a"), TinyModel.item("b")])
        try client.wait { $0.runningItems == 1 }
        server.drain()
        let reply = try client.reply()
        #expect(reply.header.items.map(\.status.code) == [.draining, .draining])
        try server.wait(seconds: 5)
        scorer.open()
    }

    @Test func aClientThatNeverReadsLosesItsRepliesAndNobodyElse() throws {
        let scorer = try SlowScorer()
        let server = try RunningServer(scorer) {
            $0.repliesPerClient = 2
            $0.readerPatience = .milliseconds(50)
        }
        let deaf = try RawClient(server.endpoint)
        // The replies fill the network's buffers; then the server's own queue, and its patience.
        var sent = 0
        let end = ContinuousClock.now + .seconds(20)
        while sent < 50_000, ContinuousClock.now < end {
            if (try? deaf.send(RequestWriter.info(id: [UInt8](repeating: 1, count: 64)))) != nil { sent += 1 }
        }
        #expect(sent == 50_000, "a server reads whoever does not")
        let other = try RemoteScorer(server.endpoint)
        for _ in 0..<20 { #expect(try other.predict([TinyModel.item("x")])[0].get().scores != nil) }
        var received = 0
        while try deaf.receive(.milliseconds(200)) != nil { received += 1 }
        #expect(received > 0 && received < sent, "\(received) of \(sent)")
        try server.stop()
    }

    @Test func nothingIsComputedForAClientThatDoesNotReadUntilItDoes() throws {
        let scorer = try SlowScorer()
        let seen = Mutex((received: 0, refused: 0))
        let server = try RunningServer(scorer) {
            $0.repliesPerClient = 2
            $0.readerPatience = .milliseconds(20)
            $0.observe = { event in
                seen.withLock { seen in
                    if case .received = event { seen.received += 1 }
                    if case .refused(.overloaded) = event { seen.refused += 1 }
                }
            }
        }
        let deaf = try RawClient(server.endpoint)
        try deaf.socket.set(.receiveHighWaterMark(1))
        var sent = 0
        /// Returns when the server has read everything so far.
        func send(_ messages: [[[UInt8]]]) throws {
            for message in messages {
                while (try? deaf.send(message)) == nil { usleep(500) }
                sent += 1
            }
            while seen.withLock({ $0.received }) < sent { usleep(500) }
        }
        let question = RequestWriter.info(id: [UInt8](repeating: 1, count: 64))
        // Until the replies fill every buffer, and messages are refused.
        for _ in 0..<200 where seen.withLock({ $0.refused }) == 0 {
            try send([[[UInt8]]](repeating: question, count: 500))
            usleep(30_000)
        }
        try #require(seen.withLock { $0.refused } > 0, "it reads no replies after \(sent) questions")
        try send((0..<50).map { RequestWriter.predict([TinyModel.item("deaf")], id: [UInt8($0)], timeout: nil) })
        #expect(try RemoteScorer(server.endpoint).predict([TinyModel.item("x")])[0].get().scores != nil)
        #expect(scorer.batches == [["x"]], "its work is not begun")
        // It reads everything, and is served again; for a moment it may still be told to come back.
        while try deaf.receive(.milliseconds(300)) != nil {}
        var codes: [WireStatusCode] = []
        while codes.last != .ok, codes.count < 100 {
            try deaf.send(200, [TinyModel.item("heard")])
            codes.append(try deaf.reply().header.status.code)
        }
        #expect(codes.last == .ok && codes.dropLast().allSatisfy { $0 == .overloaded }, "\(codes)")
        try server.stop()
    }

    @Test func aBurstOfRepliesLargerThanTheQueueReachesAClientThatReads() throws {
        let server = try RunningServer(try SlowScorer(passTime: .milliseconds(1))) {
            $0.repliesPerClient = 1
            $0.queue.maxQueuedItems = 1
        }
        let client = try RawClient(server.endpoint)
        for round in 0..<8 {
            for id in 0..<250 { try client.send(UInt8(id), [TinyModel.item("x")]) }
            var answered: Set<UInt8> = []
            while answered.count < 250 { answered.formUnion(try client.reply().header.requestID) }
            #expect(answered == Set(0..<250), "round \(round)")
        }
        try server.stop()
    }

    @Test func aClientFindsItsServerAgainAfterARestart() throws {
        let path = "ipc:///tmp/rahf-restart-\(getpid()).sock"
        let first = try RunningServer(try SlowScorer(), endpoint: path)
        let remote = try RemoteScorer(
            path, policy: RetryPolicy(timeout: .seconds(10), tries: 20, heartbeat: .milliseconds(100)))
        #expect(try remote.predict([TinyModel.item("x")])[0].get().scores != nil)
        try first.stop()
        let revived = OnThread.all(2) { index in
            if index == 0 { return remote.predict([TinyModel.item("xx")]) }
            usleep(300_000)
            let second = try? RunningServer(try SlowScorer(), endpoint: path)
            usleep(1_500_000)
            try? second?.stop()
            return []
        }
        #expect(try revived[0][0].get().scores?.overall == 0.002)
    }

    @Test func nobodyThereIsUnavailableNotANumber() throws {
        let failure = #expect(throws: Failure.self) {
            try RemoteScorer(
                "tcp://127.0.0.1:1", policy: RetryPolicy(timeout: .seconds(1), tries: 2, heartbeat: .milliseconds(50)))
        }
        #expect(failure?.code == .unavailable)
    }
}
