import RewardModel
import RewardServer
import RewardWire
import Synchronization
import Testing

/// Groups through a server.
@Suite struct GroupServiceTests {
    @Test func standingsOverTheWireHaveTheBitsOfLocalOnes() throws {
        let predictor = try TinyModel.predictor.get()
        let server = try RunningServer(predictor) { $0.queue.maxBatch = 2 }
        let client = try RawClient(server.endpoint)
        let items = ["a cat", "a dog", "a red cat", "a bird", "a cat on a mat"].map { TinyModel.item($0) }
        let groups: [[UInt8]] = [[1], [2], [1], [], [1]]
        try client.send(RequestWriter.predict(items, id: [1], timeout: nil, groups: groups))
        let reply = try client.reply()
        let local = predictor.predict(items, groups: groups.map { $0.isEmpty ? nil : $0 })
        #expect(reply.standings == local.map(\.standing))
        #expect(reply.standings.map { $0?.scored } == [3, 1, 3, nil, 3])
        #expect(try reply.predictions(count: 5) == local.map(\.result), "groups change nothing else")
        try client.send(RequestWriter.info(id: [2]))
        #expect(try client.reply().header.info.features.contains("groups"))
        try server.stop()
    }

    @Test func whatFailedOrWasLateIsLeftOutAndCounted() throws {
        let scorer = try SlowScorer(passTime: .milliseconds(100))
        let server = try RunningServer(scorer) { $0.queue.maxBatch = 2 }
        let client = try RawClient(server.endpoint)
        let items = ["a", "poison", "too late", "too late"].map { TinyModel.item($0) }
        let frames = RequestWriter.predict(
            items, id: [1], timeout: .milliseconds(150), groups: [[UInt8]](repeating: [7], count: 4))
        try client.send(frames)
        let reply = try client.reply()
        #expect(
            reply.header.items.map(\.status.code) == [.ok, .nonFiniteResult, .deadlineExceeded, .deadlineExceeded])
        let standing = try #require(reply.standings[0])
        #expect(standing.scored == 1 && standing.failed == 3 && standing.overall.mean == 0.001)
        #expect(reply.standings.dropFirst().allSatisfy { $0 == nil })
        try server.stop()
    }

    @Test func aRemoteScorerSendsTheIDsAndHasTheStandingsOfTheModelInProcess() throws {
        let predictor = try TinyModel.predictor.get()
        let asked = Mutex<[[[UInt8]]]>([])
        let server = try RunningServer(predictor) {
            $0.queue.maxQueuedItems = 3
            $0.record = { exchange in
                let message = try? RequestMessage(frames: exchange.request, limits: MessageLimits())
                guard case .predict(let items)? = message?.action else { return }
                asked.withLock { $0.append(items.map(\.group)) }
            }
        }
        let remote = try RemoteScorer(server.endpoint)
        let items = ["a cat", "a dog", "a red cat", "a bird", "a cat on a mat"].map { TinyModel.item($0) }
        let groups: [String?] = ["cats", "dogs", "cats", nil, "cats"]
        // Two requests, as the queue holds three items: neither knows all cats.
        let answers = remote.predict(items, groups: groups)
        let local = predictor.predict(items, groups: groups)
        #expect(answers.map(\.result) == local.map(\.result))
        #expect(answers.map(\.standing) == local.map(\.standing))
        #expect(answers.map { $0.standing?.scored } == [3, 1, 3, nil, 3])
        let ids = groups.map { Array(($0 ?? "").utf8) }
        #expect(asked.withLock { $0 } == [Array(ids.prefix(3)), Array(ids.suffix(2))])
        #expect(remote.predict([items[0]], groups: [String(repeating: "x", count: 65)])[0].standing == nil)
        try server.stop()
    }
}
