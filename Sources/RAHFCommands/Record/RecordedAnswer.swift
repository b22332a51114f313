import RewardModel
import RewardWire

/// An item's answer, taken apart for comparison.
struct RecordedAnswer {
    private let message: WireItemReply
    /// By index, as the message names them.
    private let frame: (UInt32) -> [UInt8]

    /// - Parameter frames: the reply's, the header first.
    init(_ message: WireItemReply, _ frames: [[UInt8]]) {
        self.message = message
        frame = { Int($0) < frames.count ? frames[Int($0)] : [] }
    }

    init(_ answer: ItemAnswer) {
        message = answer.message
        // Its frames count from its own.
        frame = { Int($0) < answer.frames.count ? answer.frames[Int($0)] : [] }
    }

    /// What differs from a recorded answer in any bit: the output, the largest difference of a number, and both as text.
    /// Messages of failures are for people and not compared; neither is the standing in a group, which scores decide.
    func differences(from old: RecordedAnswer) -> [(output: String, largest: Float?, recorded: String, now: String)] {
        var found: [(output: String, largest: Float?, recorded: String, now: String)] = []
        guard message.status.code == old.message.status.code else {
            return [("status", nil, old.statusText, statusText)]
        }
        if scores.map(\.bitPattern) != old.scores.map(\.bitPattern) {
            found.append(("scores", Self.largest(scores, old.scores), "\(old.scores)", "\(scores)"))
        }
        if message.words != old.message.words || message.hasWords != old.message.hasWords {
            found.append(("words", nil, old.message.words.decodedText, message.words.decodedText))
        }
        compareTensors("heatmaps", heatmaps, old.heatmaps, &found)
        compareTensors("gradient", gradient, old.gradient, &found)
        if message.notes != old.message.notes {
            found.append(
                (
                    "notes", nil, old.message.notes.map(\.kind).joined(separator: ","),
                    message.notes.map(\.kind).joined(separator: ",")
                ))
        }
        return found
    }

    private var statusText: String {
        message.status.failure.map { "\($0.code.rawValue): \($0.message)" } ?? "ok"
    }

    private var scores: [Float] {
        guard message.hasScores else { return [] }
        let scores = message.scores
        return [scores.plausibility, scores.alignment, scores.aesthetics, scores.overall]
    }

    /// Everything of a tensor that has bits: what it is, its extents, its frame, numbers beside it.
    private struct Part: Equatable {
        var name: String
        var dtype: WireDType
        var shape: [UInt32]
        var bytes: [UInt8]
        var numbers: [UInt32] = []
        var scale: Float = 1

        var values: [Float] { FrameCoding.decode(bytes, as: dtype).map { $0 * scale } }
    }

    private var heatmaps: [Part] {
        message.heatmaps.map { map in
            Part(
                name: "\(map.heatmap)", dtype: map.tensor.dtype, shape: map.tensor.shape, bytes: frame(map.tensor.frame)
            )
        }.sorted { $0.name < $1.name }
    }

    private var gradient: [Part] {
        guard message.hasGradient else { return [] }
        let found = message.gradient
        return [
            Part(
                name: "gradient", dtype: found.tensor.dtype, shape: found.tensor.shape,
                bytes: frame(found.tensor.frame), numbers: [found.objective.bitPattern, found.norm.bitPattern],
                scale: found.scale)
        ]
    }

    private func compareTensors(
        _ output: String, _ now: [Part], _ old: [Part],
        _ found: inout [(output: String, largest: Float?, recorded: String, now: String)]
    ) {
        guard now != old else { return }
        func text(_ parts: [Part]) -> String { parts.map { "\($0.name) \($0.shape)" }.joined(separator: ", ") }
        let pairs = zip(now, old).compactMap { Self.largest($0.values, $1.values) }
        found.append((output, now.count == old.count ? pairs.max() : nil, text(old), text(now)))
    }

    private static func largest(_ now: [Float], _ old: [Float]) -> Float? {
        guard now.count == old.count, !now.isEmpty else { return nil }
        return zip(now, old).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
}
