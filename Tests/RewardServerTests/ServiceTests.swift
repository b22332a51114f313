import FoundationEssentials
import Glibc
import RewardImage
import RewardModel
import RewardServer
import RewardTestSupport
import RewardWire
import Testing

/// The service over real sockets with the tiny model.
@Suite struct ServiceTests {
    private func vectors() throws -> [(name: String, status: String, items: [String], frames: [[UInt8]])] {
        struct Recorded: Decodable {
            struct Outcome: Decodable {
                var status: String
                var items: [String]
            }
            var name: String
            var outcome: Outcome
            var frames: [String]
        }
        let folder = "\(Fixtures.repository)/Protocols/vectors"
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("request-") }.sorted()
            .map { name in
                let data = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
                let vector = try JSONDecoder().decode(Recorded.self, from: data)
                let frames = vector.frames.map { text in
                    let digits = Array(text.utf8).map { UInt8($0 < 0x3a ? $0 - 0x30 : $0 - 0x57) }
                    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
                }
                return (vector.name, vector.outcome.status, vector.outcome.items, frames)
            }
    }

    private func name(_ code: WireStatusCode) -> String {
        code.failureCode.map { $0 == .internalError ? "INTERNAL" : $0.rawValue.uppercased() } ?? "OK"
    }

    /// Every recorded request, good and bad, over both kinds of sockets: typed answers, and the server goes on.
    @Test(arguments: ["tcp://127.0.0.1:*", "ipc://*"], [Socket.Kind.dealer, .request])
    func everyRecordedRequestIsAnsweredAsRecorded(endpoint: String, kind: Socket.Kind) throws {
        let server = try RunningServer(try TinyModel.predictor.get(), endpoint: endpoint)
        let client = try RawClient(server.endpoint, kind)
        for vector in try vectors() {
            try client.send(vector.frames)
            let reply = try client.reply()
            #expect(name(reply.header.status.code) == vector.status, "\(vector.name)")
            #expect(reply.header.items.map { name($0.status.code) } == vector.items, "\(vector.name)")
            for item in reply.header.items where item.status.code != .ok {
                #expect(!item.hasScores && !item.hasWords && !item.hasGradient && item.heatmaps.isEmpty)
                #expect(!item.status.message.isEmpty)
            }
            #expect(reply.header.model.digest == (try TinyModel.predictor.get()).info.digest)
        }
        try server.stop()
    }

    @Test func answersHaveTheBitsOfTheModelInProcess() throws {
        let predictor = try TinyModel.predictor.get()
        let server = try RunningServer(predictor)
        let remote = try RemoteScorer(server.endpoint)
        #expect(remote.info == predictor.info)
        let floats = Image(width: 3, height: 7, rgb: (0..<63).map { Float($0) / 60 })
        let objective = Objective(
            scoreWeights: [.overall: 1],
            heatmapTerms: [
                HeatmapTerm(
                    heatmap: .implausibility, weight: -2, reduction: .mass,
                    mask: Heatmap(width: 2, height: 2, values: [0, 1, 0.5, 1]))
            ])
        let items = [
            TinyModel.item("a red cat, on a mat", .all),
            PredictionItem(image: floats, imageNotes: [.alphaDropped], prompt: "dog", outputs: .all),
            TinyModel.item(""),
            PredictionItem(image: floats, prompt: "a cat", outputs: .scores, objective: objective),
            TinyModel.item("a blue house", .words),
        ]
        #expect(remote.predict(items) == predictor.predict(items))
        try server.stop()
    }

    @Test func manyClientsAtOnceGetTheirOwnAnswers() throws {
        let predictor = try TinyModel.predictor.get()
        let server = try RunningServer(predictor)
        let endpoint = server.endpoint
        let prompts = (0..<12).map { "a cat with \($0) tails" }
        let alone = prompts.map { predictor.predict([TinyModel.item($0, .all)])[0] }
        let wrong = OnThread.all(12) { index in
            guard let remote = try? RemoteScorer(endpoint) else { return 1000 }
            return (0..<10).count { _ in remote.predict([TinyModel.item(prompts[index], .all)]) != [alone[index]] }
        }
        #expect(wrong == [Int](repeating: 0, count: 12))
        try server.stop()
    }

    @Test func aFrameOverTheLimitCostsOnlyItsSender() throws {
        let server = try RunningServer(try SlowScorer()) { $0.limits.maxMessageBytes = 10_000 }
        let large = try RawClient(server.endpoint)
        try large.send([RequestWriter.health(id: [1])[0], [UInt8](repeating: 0, count: 20_000)])
        let many = try RawClient(server.endpoint)
        try many.send([[UInt8]](repeating: [UInt8](repeating: 0, count: 900), count: 20))
        #expect(try many.reply().header.status.code == .tooLarge)
        #expect(try many.health().live, "the connection is still good")
        #expect(try large.receive(.milliseconds(50)) == nil)
        try server.stop()
    }

    @Test func memoryStaysFlatOverManyRequests() throws {
        let server = try RunningServer(try SlowScorer())
        let remote = try RemoteScorer(server.endpoint)
        let picture = Image(width: 256, height: 256, rgb: [UInt8](repeating: 7, count: 256 * 256 * 3))
        let item = PredictionItem(image: picture, prompt: "a", outputs: .scores)
        func work(_ count: Int) { for _ in 0..<count { _ = remote.predict([item, item]) } }
        work(200)
        let before = Self.residentBytes()
        work(1500)
        // They carried 590 MB; other suites share the process and may hold some more than before.
        #expect(Self.residentBytes() - before < 120 << 20)
        try server.stop()
    }

    private static func residentBytes() -> Int {
        let text = (try? String(contentsOf: URL(filePath: "/proc/self/statm"), encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4096
    }

    @Test func aSocketFileIsItsOwnersAndALivingServersIsNotTaken() throws {
        let path = "/tmp/rahf-test-\(getpid()).sock"
        let server = try RunningServer(try SlowScorer(), endpoint: "ipc://\(path)")
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let failure = #expect(throws: ZeroMQError.self) {
            try RunningServer(try SlowScorer(), endpoint: "ipc://\(path)")
        }
        #expect(failure?.number == EADDRINUSE)
        #expect(try RawClient(server.endpoint).health().live)
        try server.stop()
    }
}
