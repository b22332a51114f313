import RewardImage
package import RewardModel
import SwiftProtobuf

/// A reply as a client reads it. A server is not trusted either: nothing that is missing or not finite passes.
package struct ReplyMessage: Sendable {
    package let header: WireReply
    private let frames: [[UInt8]]

    /// Reads a message without its delimiter.
    ///
    /// - Throws: `Failure` with `invalidRequest` when it is no reply, `unsupportedVersion` when it is of another version.
    package init(frames: [[UInt8]]) throws(Failure) {
        guard let first = frames.first else { throw Failure(.invalidRequest, "the reply has no header") }
        do { header = try WireReply(serializedBytes: first) } catch {
            throw Failure(.invalidRequest, "the header is not a Reply: \(error)")
        }
        guard ProtocolVersion.spoken.contains(header.protocolVersion) else {
            throw Failure(.unsupportedVersion, "the reply is in protocol version \(header.protocolVersion)")
        }
        self.frames = frames
    }

    /// The answers to `count` items, or the reason why there are none.
    package func predictions(count: Int) throws(Failure) -> [Result<Prediction, Failure>] {
        if let failure = header.status.failure { throw failure }
        guard header.items.count == count else {
            throw Failure(.invalidRequest, "the reply has \(header.items.count) items for \(count) sent")
        }
        return header.items.map { item in
            do throws(Failure) { return .success(try prediction(item)) } catch { return .failure(error) }
        }
    }

    /// Each item's standing in its group, where it has one.
    package var standings: [GroupStanding?] {
        header.items.map { $0.status.failure == nil && $0.hasGroup ? $0.group.standing : nil }
    }

    private func prediction(_ item: WireItemReply) throws(Failure) -> Prediction {
        if let failure = item.status.failure { throw failure }
        if item.hasGroup, item.group.standing == nil { throw Self.broken("a group without all its numbers") }
        var prediction = Prediction(notes: item.notes.map(\.note))
        if item.hasScores {
            guard let scores = item.scores.scores else { throw Self.broken("scores missing or outside [0, 1]") }
            prediction.scores = scores
        }
        if item.hasWords {
            prediction.words = WordPrediction(
                words: item.words.words.map {
                    PredictedWord(
                        word: $0.word, start: Int($0.start), end: Int($0.end), misaligned: $0.misaligned)
                }, decodedText: item.words.decodedText)
        }
        if !item.heatmaps.isEmpty {
            var maps: [HeatmapKind: Heatmap] = [:]
            for found in item.heatmaps {
                guard let kind = found.heatmap.kind else { continue }
                let map = try found.tensor.map(try frame(found.tensor), limits: Self.limits)
                guard map.values.allSatisfy({ (0...1).contains($0) }) else {
                    throw Self.broken("a heatmap outside [0, 1]")
                }
                maps[kind] = map
            }
            prediction.heatmaps = maps
        }
        if item.hasGradient { prediction.gradient = try gradient(item.gradient) }
        return prediction
    }

    private func gradient(_ found: WireGradientReply) throws(Failure) -> PixelGradient {
        let frame = try frame(found.tensor)
        let (width, height) = try found.tensor.extents(frame, limits: Self.limits)
        guard found.tensor.layout == .chw, found.tensor.dtype != .u8 else { throw Self.broken("a gradient's type") }
        var values = FrameCoding.decode(frame, as: found.tensor.dtype)
        if found.scale != 1 { for index in values.indices { values[index] *= found.scale } }
        guard values.allSatisfy(\.isFinite), found.objective.isFinite, found.norm.isFinite else {
            throw Self.broken("a gradient that is not finite")
        }
        return PixelGradient(
            width: width, height: height, objective: found.objective, values: values, norm: found.norm)
    }

    private func frame(_ tensor: WireTensor) throws(Failure) -> [UInt8] {
        guard tensor.frame > 0, Int(tensor.frame) < frames.count else {
            throw Self.broken("frame \(tensor.frame), which it does not have")
        }
        return frames[Int(tensor.frame)]
    }

    /// Bounded by the frames that came.
    private static let limits = ImageLimits(maxSide: 1 << 20, maxPixels: 1 << 30)

    private static func broken(_ what: String) -> Failure { Failure(.internalError, "the reply names \(what)") }
}
