import RewardImage
package import RewardModel
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Writes requests, as a client sends them.
package enum RequestWriter {
    /// SCORE or GRADIENT. Pixels go as they are held, 8-bit or float, so that the answer has the bits of a local one.
    ///
    /// The verb is GRADIENT when items have objectives; all have one or none has.
    ///
    /// - Parameters:
    ///   - progress: How often the server is to say that it is still at work.
    ///   - groups: Each item's group id, empty for none; or empty as a whole.
    package static func predict(
        _ items: [PredictionItem], id: [UInt8], timeout: Duration?, progress: Duration? = nil, groups: [[UInt8]] = []
    ) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        func add(_ frame: [UInt8]) -> Int {
            frames.append(frame)
            return frames.count
        }
        let isGradient = items.contains { $0.objective != nil }
        precondition(!isGradient || items.allSatisfy { $0.objective != nil }, "objectives on all items or none")
        var request = header(isGradient ? .gradient : .score, id)
        if let timeout { request.timeoutMs = max(timeout.wireMilliseconds, 1) }
        if let progress { request.progressMs = max(progress.wireMilliseconds, 1) }
        precondition(groups.isEmpty || groups.count == items.count, "a group id, or none, for each item")
        request.items = items.enumerated().map { index, item in
            .with {
                if !groups.isEmpty { $0.groupID = Data(groups[index]) }
                let shape = [item.image.height, item.image.width, 3]
                let (dtype, frame) = FrameCoding.frame(item.image)
                $0.image.tensor = WireTensor(frame: add(frame), dtype, .hwc, shape)
                $0.prompt = Data(item.prompt.utf8)
                $0.outputs = item.outputs.wire
                guard let objective = item.objective else { return }
                $0.objective.scoreWeights = WireScoreWeights(objective.scoreWeights)
                $0.objective.heatmapTerms = objective.heatmapTerms.map { term in
                    .with {
                        $0.heatmap = WireHeatmapKind(term.heatmap)
                        $0.weight = term.weight
                        $0.reduction = term.reduction == .mean ? .mean : .mass
                        guard let mask = term.mask else { return }
                        let frame = add(FrameCoding.encode(mask.values, as: .f32))
                        $0.mask = WireTensor(frame: frame, .f32, .hw, [mask.height, mask.width])
                    }
                }
            }
        }
        return [request.wireBytes] + frames
    }

    package static func info(id: [UInt8]) -> [[UInt8]] { [header(.info, id).wireBytes] }
    package static func health(id: [UInt8]) -> [[UInt8]] { [header(.health, id).wireBytes] }

    package static func cancel(_ target: [UInt8], id: [UInt8]) -> [[UInt8]] {
        var request = header(.cancel, id)
        request.cancelRequestID = Data(target)
        return [request.wireBytes]
    }

    package static func header(_ verb: WireVerb, _ id: [UInt8]) -> WireRequest {
        .with {
            $0.protocolVersion = ProtocolVersion.current
            $0.requestID = Data(id)
            $0.verb = verb
        }
    }
}
