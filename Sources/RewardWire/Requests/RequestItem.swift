import RewardImage
package import RewardModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One item as it came, with its frames. Decoding it is the costly part and done later.
package struct RequestItem: Sendable {
    package let item: WireItem
    package let isGradient: Bool
    /// The frames the item names, by index.
    private let frames: [Int: [UInt8]]
    /// Bytes held while it waits. A frame that several items share is counted with the last, which frees it.
    package let bytes: Int

    /// All items of a request, with every frame given to those that name it.
    ///
    /// - Throws: `invalidRequest` when items and frames do not fit together.
    static func all(of request: WireRequest, _ frames: [[UInt8]]) throws(Failure) -> [RequestItem] {
        guard !request.items.isEmpty else { throw Failure(.invalidRequest, "the request has no items") }
        var lastUser: [Int: Int] = [:]
        for (position, item) in request.items.enumerated() {
            for frame in item.frameIndices {
                guard frame > 0, frame < frames.count else {
                    throw Failure(
                        .invalidRequest,
                        "item \(position) names frame \(frame); the message has frames 1 to \(frames.count - 1)")
                }
                lastUser[frame] = position
            }
        }
        if let unused = (1..<max(frames.count, 1)).first(where: { lastUser[$0] == nil }) {
            throw Failure(.invalidRequest, "no item names frame \(unused)")
        }
        return request.items.enumerated().map { position, item in
            var named: [Int: [UInt8]] = [:]
            var bytes = item.prompt.count + 256
            for frame in Set(item.frameIndices) {
                named[frame] = frames[frame]
                if lastUser[frame] == position { bytes += frames[frame].count }
            }
            return RequestItem(item: item, isGradient: request.verb == .gradient, frames: named, bytes: bytes)
        }
    }

    /// Its group's id; empty for none.
    package var group: [UInt8] { Array(item.groupID) }

    /// For logs: bytes that are not UTF-8 are replaced.
    package var promptText: String { String(decoding: item.prompt, as: UTF8.self) }

    /// Decodes image, prompt, outputs and objective.
    ///
    /// - Throws: `Failure`, naming the cause. Sizes are checked before memory is taken for pixels.
    package func decode(limits: MessageLimits) throws(Failure) -> PredictionItem {
        guard item.prompt.count <= limits.maxPromptBytes else {
            throw Failure(
                .promptTooLong, "the prompt has \(item.prompt.count) bytes; the limit is \(limits.maxPromptBytes)")
        }
        let prompt: String
        do { prompt = try PromptText.decodeUTF8(Array(item.prompt)) } catch { throw Failure(error) }
        let outputs = try Outputs(item.outputs)
        guard item.groupID.count <= limits.maxRequestIDBytes else {
            throw Failure(
                .tooLarge, "the group id has \(item.groupID.count) bytes; the limit is \(limits.maxRequestIDBytes)")
        }
        guard item.groupID.isEmpty || outputs.contains(.scores) else {
            throw Failure(.invalidRequest, "an item of a group asks for its scores")
        }
        try checkReplyTypes()
        let objective = try objective(limits)
        switch item.image.source {
        case .encoded(let encoded):
            return try PredictionItem(
                encodedImage: frame(encoded.frame), prompt: prompt, outputs: outputs, objective: objective,
                limits: limits.image)
        case .tensor(let tensor):
            return PredictionItem(
                image: try tensor.image(frame(tensor.frame), limits: limits.image), prompt: prompt, outputs: outputs,
                objective: objective)
        case nil: throw Failure(.invalidRequest, "the item has no image")
        }
    }

    private func frame(_ index: UInt32) -> [UInt8] { frames[Int(index)] ?? [] }

    private func checkReplyTypes() throws(Failure) {
        if !isGradient, item.outputs.isEmpty { throw Failure(.invalidRequest, "the item asks for no output") }
        if case .UNRECOGNIZED(let number) = item.heatmapDtype {
            throw Failure(.invalidRequest, "there is no dtype \(number)")
        }
        switch item.gradientDtype {
        case .unspecified, .f16, .f32: break
        case .u8: throw Failure(.invalidRequest, "a gradient's dtype is F16 or F32")
        case .UNRECOGNIZED(let number): throw Failure(.invalidRequest, "there is no dtype \(number)")
        }
    }

    private func objective(_ limits: MessageLimits) throws(Failure) -> Objective? {
        guard item.hasObjective else {
            if isGradient { throw Failure(.invalidRequest, "GRADIENT needs an objective") }
            return nil
        }
        guard isGradient else { throw Failure(.invalidRequest, "an objective belongs to GRADIENT") }
        var objective = Objective(scoreWeights: item.objective.scoreWeights.weights)
        for term in item.objective.heatmapTerms {
            guard let heatmap = term.heatmap.kind else {
                throw Failure(.invalidRequest, "there is no heatmap \(term.heatmap.rawValue)")
            }
            let reduction: HeatmapTerm.Reduction
            switch term.reduction {
            case .unspecified, .mean: reduction = .mean
            case .mass: reduction = .mass
            case .UNRECOGNIZED(let number): throw Failure(.invalidRequest, "there is no reduction \(number)")
            }
            let mask = term.hasMask ? try term.mask.map(frame(term.mask.frame), limits: limits.image) : nil
            objective.heatmapTerms.append(
                HeatmapTerm(heatmap: heatmap, weight: term.weight, reduction: reduction, mask: mask))
        }
        return objective
    }
}

extension WireItem {
    /// Every frame the item names.
    var frameIndices: [Int] {
        var indices: [Int] = []
        switch image.source {
        case .encoded(let encoded): indices.append(Int(encoded.frame))
        case .tensor(let tensor): indices.append(Int(tensor.frame))
        case nil: break
        }
        if hasObjective {
            for term in objective.heatmapTerms where term.hasMask { indices.append(Int(term.mask.frame)) }
        }
        return indices
    }
}
