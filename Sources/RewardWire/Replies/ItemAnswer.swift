import RewardImage
package import RewardModel
import SwiftProtobuf

/// One item's part of a reply: its message, whose frame indices count from its own frames, and those frames.
package struct ItemAnswer: Sendable, Equatable {
    package private(set) var message: WireItemReply
    package private(set) var frames: [[UInt8]] = []

    package init(_ failure: Failure, retryAfter: Duration? = nil) {
        message = .with { $0.status = WireStatus(failure, retryAfter: retryAfter) }
    }

    /// - Parameter item: says how heatmaps and gradients are to be sent.
    package init(_ result: Result<Prediction, Failure>, for item: RequestItem) {
        switch result {
        case .failure(let failure): self.init(failure)
        case .success(let prediction):
            self.init(
                prediction, heatmaps: item.item.heatmapDtype == .unspecified ? .f32 : item.item.heatmapDtype,
                gradient: item.item.gradientDtype == .f16 ? .f16 : .f32)
        }
    }

    package init(_ prediction: Prediction, heatmaps heatmapType: WireDType = .f32, gradient: WireDType = .f32) {
        message = .with { $0.status = .ok }
        if let scores = prediction.scores { message.scores = WireScores(scores) }
        if let words = prediction.words {
            message.words = .with {
                $0.decodedText = words.decodedText
                $0.words = words.words.map { word in
                    .with {
                        $0.word = word.word
                        $0.start = UInt32(clamping: word.start)
                        $0.end = UInt32(clamping: word.end)
                        $0.misaligned = word.misaligned
                    }
                }
            }
        }
        if let maps = prediction.heatmaps {
            for kind in HeatmapKind.allCases {
                guard let map = maps[kind] else { continue }
                message.heatmaps.append(
                    .with {
                        $0.heatmap = WireHeatmapKind(kind)
                        $0.tensor = WireTensor(frame: frames.count, heatmapType, .hw, [map.height, map.width])
                    })
                frames.append(FrameCoding.encode(map.values, as: heatmapType))
            }
        }
        if let found = prediction.gradient { append(found, as: gradient) }
        message.notes = prediction.notes.map(WireNote.init)
    }

    /// The same answer with where its scores stand in its group.
    func with(_ standing: GroupStanding) -> ItemAnswer {
        var answer = self
        answer.message.group = WireGroup(standing)
        return answer
    }

    private mutating func append(_ gradient: PixelGradient, as dtype: WireDType) {
        let scale = dtype == .f16 ? Self.scale(gradient.values) : 1
        let values = scale == 1 ? gradient.values : gradient.values.map { $0 / scale }
        message.gradient = .with {
            $0.tensor = WireTensor(frame: frames.count, dtype, .chw, [3, gradient.height, gradient.width])
            $0.objective = gradient.objective
            $0.norm = gradient.norm
            $0.scale = scale
        }
        frames.append(FrameCoding.encode(values, as: dtype))
    }

    /// The power of two that brings the largest magnitude into [2^13, 2^14), far from binary16's ends.
    private static func scale(_ values: [Float]) -> Float {
        let largest = values.reduce(0) { max($0, $1.magnitude) }
        guard largest > 0, largest.isFinite else { return 1 }
        return Float(sign: .plus, exponent: min(max(largest.exponent - 13, -126), 126), significand: 1)
    }

    /// The message with its frame indices moved to where its frames lie in a reply.
    func placed(at first: Int) -> WireItemReply {
        var message = message
        for index in message.heatmaps.indices { message.heatmaps[index].tensor.frame += UInt32(first) }
        if message.hasGradient { message.gradient.tensor.frame += UInt32(first) }
        return message
    }
}
