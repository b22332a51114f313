import RewardImage
import RewardModel
import RewardTestSupport
import RewardWire
import Testing

@Suite struct GroupTests {
    private static func answer(_ value: Float) -> ItemAnswer {
        ItemAnswer(
            Prediction(scores: Scores(plausibility: value, alignment: 1, aesthetics: value / 2, overall: value)))
    }

    @Test func theRecordedGroupReadsAsRecorded() throws {
        let vector = try #require(Vector.replies.first { $0.name == "groups" })
        let reply = try ReplyMessage(frames: vector.frames)
        let standings = reply.standings.compactMap { $0 }
        #expect(reply.standings.map { $0 == nil } == [false, false, true, false, false])
        #expect(standings.allSatisfy { $0.scored == vector.outcome.scored && $0.failed == vector.outcome.failed })
        let numbers = standings.flatMap { standing in
            ScoreKind.allCases.map { kind in
                [
                    standing[kind].mean, standing[kind].standardDeviation, standing[kind].zScore, standing[kind].rank,
                ]
            }
        }
        #expect(numbers == vector.outcome.group)
        // What this side computes from the scores has the same bits.
        let scores = reply.header.items.map { $0.scores.scores }
        let own = GroupStanding.all(
            of: reply.standings.indices.map { $0 == 2 ? nil : scores[$0] }, in: [0, 0, 0, 0, 0])
        #expect(own == reply.standings)
    }

    @Test func answersStandInTheirGroupsAndFailuresInNone() {
        let failure = ItemAnswer(Failure(.invalidImage, "broken"))
        let answers = [Self.answer(0.2), failure, Self.answer(0.6), Self.answer(0.4)]
        let grouped = answers.grouped([[1], [1], [1], []])
        #expect(grouped[1] == failure && grouped[3] == answers[3])
        let wire = grouped[2].message.group
        #expect(wire.scored == 2 && wire.failed == 1 && wire.overall.rank == 1 && wire.alignment.rank == 1.5)
        #expect(wire.standing == GroupStanding.all(of: [0.2, nil, 0.6].map(Self.scores), in: [1, 1, 1])[2])
        #expect(answers.grouped([[], [], [], []]) == answers, "no group: not a bit more on the wire")
    }

    private static func scores(_ value: Float?) -> Scores? {
        value.map { Scores(plausibility: $0, alignment: 1, aesthetics: $0 / 2, overall: $0) }
    }

    @Test func groupsArriveAsTheyWereSent() throws {
        let picture = Image(width: 1, height: 1, rgb: [1, 2, 3] as [UInt8])
        let items = (0..<3).map { PredictionItem(image: picture, prompt: "\($0)", outputs: .scores) }
        let frames = RequestWriter.predict(items, id: [1], timeout: nil, groups: [[7], [], [7, 0]])
        guard case .predict(let received) = try RequestMessage(frames: frames, limits: MessageLimits()).action else {
            return #expect(Bool(false))
        }
        #expect(received.map(\.group) == [[7], [], [7, 0]])
    }
}
