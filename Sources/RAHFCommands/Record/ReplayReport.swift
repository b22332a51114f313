import RewardModel
import RewardWire

/// What a replay found, for scripts and for people.
struct ReplayReport {
    var comparison: ReplayComparison
    var problems: [RecordReader.Problem]
    var files: Int

    /// There is something that could not be compared and should have been.
    var isBroken: Bool { comparison.unreadable > 0 || problems.contains { !$0.isTruncatedEnd } }

    var json: JSON {
        let counted = comparison
        return .object([
            ("files", .integer(files)), ("records", .integer(counted.records)),
            ("items", .integer(counted.equal + counted.different)), ("equal", .integer(counted.equal)),
            ("different", .integer(counted.different)),
            ("skipped", .object(sorted(counted.skipped).map { ($0.rawValue, .integer($1)) })),
            ("unreadable_records", .integer(counted.unreadable)),
            (
                "problems",
                .array(
                    problems.map { problem in
                        .object([
                            ("file", .string(problem.file)), ("reason", .string(problem.reason)),
                            ("truncated_end", .bool(problem.isTruncatedEnd)),
                        ])
                    })
            ),
            (
                "recorded_models",
                .object(counted.digests.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
            ),
            ("model", .string(counted.scorer.info.digest)),
            (
                "outputs",
                .object(
                    counted.outputs.sorted { $0.key < $1.key }.map { name, found in
                        (name, .object([("items", .integer(found.items)), ("largest", .number(found.largest))]))
                    })
            ),
            ("differences", .array(counted.differences.map(Self.json))),
        ])
    }

    private func sorted(_ codes: [FailureCode: Int]) -> [(FailureCode, Int)] {
        codes.map { ($0.key, $0.value) }.sorted { $0.0.rawValue < $1.0.rawValue }
    }

    private static func json(_ difference: ReplayComparison.Difference) -> JSON {
        .object([
            ("file", .string(difference.place.file)), ("record", .integer(difference.place.record)),
            ("request", .string(hexadecimal(difference.requestID))), ("item", .integer(difference.item)),
            ("output", .string(difference.output)), ("largest", difference.largest.map { .number($0) } ?? .null),
            ("recorded", .string(difference.recorded)), ("now", .string(difference.now)),
        ])
    }

    var table: String {
        let counted = comparison
        var lines = [
            "records     \(counted.records) in \(files) files", "equal       \(counted.equal) items",
            "different   \(counted.different) items",
        ]
        for (name, found) in counted.outputs.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(name): \(found.items), by up to \(found.largest)")
        }
        for (code, count) in sorted(counted.skipped) { lines.append("skipped     \(count) items: \(code.rawValue)") }
        if counted.unreadable > 0 { lines.append("unreadable  \(counted.unreadable) records") }
        for problem in problems {
            lines.append("\(problem.isTruncatedEnd ? "unfinished" : "broken    ")  \(problem.file): \(problem.reason)")
        }
        for (digest, count) in counted.digests.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "recorded    \(count) by \(digest)\(digest == counted.scorer.info.digest ? ", this model" : "")")
        }
        for difference in counted.differences {
            lines.append(
                "\(difference.place.file) record \(difference.place.record) item \(difference.item): "
                    + "\(difference.output) was \(difference.recorded), is \(difference.now)")
        }
        return lines.joined(separator: "\n")
    }
}

/// Recorded items as lines.
enum RecordLine {
    static func all(_ record: WireRecorded, at place: RecordReader.Place) -> [JSON] {
        guard let request = record.requestHeader,
            let reply = record.replyHeader
        else { return [] }
        return zip(request.items, reply.items).enumerated().map { index, pair in
            let (item, answer) = pair
            var fields: [(String, JSON)] = [
                ("file", .string(place.file)), ("record", .integer(place.record)), ("item", .integer(index)),
                ("received_unix_us", .integer(Int(clamping: record.receivedUnixUs))),
                ("request", .string(hexadecimal(Array(request.requestID)))),
                ("prompt", .string(String(decoding: item.prompt, as: UTF8.self))),
            ]
            if !record.clientKey.isEmpty { fields.append(("client", .string(record.clientKey))) }
            if let failure = answer.status.failure { fields.append(("failure", .string(failure.code.rawValue))) }
            if let scores = answer.scores.scores, answer.hasScores {
                fields.append(("scores", .object(ScoreKind.allCases.map { ($0.rawValue, .number(scores[$0])) })))
            }
            if answer.hasWords { fields.append(("decoded_text", .string(answer.words.decodedText))) }
            fields.append(("model", .string(reply.model.digest)))
            return .object(fields)
        }
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
