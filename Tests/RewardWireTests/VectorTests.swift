import RewardImage
import RewardModel
import RewardTestSupport
import RewardWire
import Testing

/// The recorded messages of `Protocols/vectors`, which Python made.
@Suite struct VectorTests {
    private static let predictor = Result {
        try Predictor.load(folder: Fixtures.path("RewardModelTests", "golden-multi-port"))
    }

    /// What a server would answer: the request's status, and each item's.
    static func outcome(_ frames: [[UInt8]]) throws -> (status: WireStatusCode, items: [WireStatusCode]) {
        let limits = MessageLimits()
        let predictor = try predictor.get()
        do throws(RequestMessage.Refusal) {
            let message = try RequestMessage(frames: frames, limits: limits)
            guard case .predict(let items) = message.action else { return (.ok, []) }
            return (
                .ok,
                items.map { item in
                    do throws(Failure) {
                        let result = predictor.predict([try item.decode(limits: limits)])[0]
                        return ItemAnswer(result, for: item).message.status.code
                    } catch { return WireStatusCode(error.code) }
                }
            )
        } catch { return (WireStatusCode(error.failure.code), []) }
    }

    /// A status code's name in the tables.
    static func name(_ code: WireStatusCode) -> String {
        code.failureCode.map { $0 == .internalError ? "INTERNAL" : $0.rawValue.uppercased() } ?? "OK"
    }

    @Test func thereAreVectors() {
        #expect(Vector.requests.count > 30 && Vector.replies.count >= 10)
    }

    @Test(arguments: Vector.requests) func aRequestHasTheRecordedOutcome(vector: Vector) throws {
        let outcome = try Self.outcome(vector.frames)
        #expect(Self.name(outcome.status) == vector.outcome.status)
        #expect(outcome.items.map(Self.name) == vector.outcome.items)
    }

    @Test(arguments: Vector.replies) func aReplyReadsAsRecorded(vector: Vector) throws {
        let reply: ReplyMessage
        do { reply = try ReplyMessage(frames: vector.frames) } catch {
            #expect(Self.name(WireStatusCode(error.code)) == vector.outcome.status)
            return
        }
        #expect(Self.name(reply.header.status.failure.map { WireStatusCode($0.code) } ?? .ok) == vector.outcome.status)
        guard reply.header.status.failure == nil else { return }
        let items = try reply.predictions(count: vector.outcome.items.count)
        let names = items.map { item in
            if case .failure(let failure) = item { Self.name(WireStatusCode(failure.code)) } else { "OK" }
        }
        #expect(names == vector.outcome.items)
        guard let wanted = vector.outcome.scores else { return }
        let prediction = try items[0].get()
        let scores = try #require(prediction.scores)
        #expect(ScoreKind.allCases.map { scores[$0] } == wanted)
        #expect(prediction.heatmaps?[.implausibility]?.values == vector.outcome.implausibility)
        #expect(prediction.heatmaps?[.misalignment]?.values == vector.outcome.misalignment)
        #expect(prediction.gradient?.values == vector.outcome.gradient)
        #expect(prediction.notes.map(\.kind) == vector.outcome.notes)
        #expect(prediction.words?.words[1] == PredictedWord(word: "red", start: 2, end: 5, misaligned: true))
    }

    @Test func aVersionThatIsNotSpokenNamesTheRequestAndTheVersionsThatAre() throws {
        let vector = try #require(Vector.requests.first { $0.name == "newer-version-strange" })
        let refusal = try #require(throws: RequestMessage.Refusal.self) {
            try RequestMessage(frames: vector.frames, limits: MessageLimits())
        }
        #expect(refusal.id == [0x6e])
        let status = WireStatus(refusal.failure)
        #expect(status.supportedVersions == [1] && !status.retryable)
    }

    @Test func overloadTellsWhenToComeBack() throws {
        let vector = try #require(Vector.replies.first { $0.name == "overloaded" })
        let reply = try ReplyMessage(frames: vector.frames)
        #expect(reply.header.status.retryAfter == .milliseconds(250) && reply.header.status.retryable)
    }
}
