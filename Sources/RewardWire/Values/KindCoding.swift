package import RewardModel
import SwiftProtobuf

// Names of scores, heatmaps and outputs, each way.

extension WireHeatmapKind {
    package init(_ kind: HeatmapKind) {
        switch kind {
        case .implausibility: self = .implausibility
        case .misalignment: self = .misalignment
        }
    }

    package var kind: HeatmapKind? {
        switch self {
        case .implausibility: .implausibility
        case .misalignment: .misalignment
        case .unspecified, .UNRECOGNIZED: nil
        }
    }
}

extension Outputs {
    /// - Throws: `invalidRequest`, naming the number, for outputs this version does not have.
    package init(_ wire: [WireOutput]) throws(Failure) {
        self = []
        for output in wire {
            switch output {
            case .scores: insert(.scores)
            case .heatmaps: insert(.heatmaps)
            case .words: insert(.words)
            case .unspecified, .UNRECOGNIZED: throw Failure(.invalidRequest, "there is no output \(output.rawValue)")
            }
        }
    }

    package var wire: [WireOutput] {
        var outputs: [WireOutput] = []
        if contains(.scores) { outputs.append(.scores) }
        if contains(.heatmaps) { outputs.append(.heatmaps) }
        if contains(.words) { outputs.append(.words) }
        return outputs
    }
}

extension WireScores {
    package init(_ scores: Scores) {
        self.init()
        plausibility = scores.plausibility
        alignment = scores.alignment
        aesthetics = scores.aesthetics
        overall = scores.overall
    }

    /// The four scores. Nil unless all are present and in [0, 1].
    package var scores: Scores? {
        guard hasPlausibility, hasAlignment, hasAesthetics, hasOverall else { return nil }
        let scores = Scores(
            plausibility: plausibility, alignment: alignment, aesthetics: aesthetics, overall: overall)
        return ScoreKind.allCases.allSatisfy { (0...1).contains(scores[$0]) } ? scores : nil
    }
}

extension WireScoreWeights {
    package init(_ weights: [ScoreKind: Float]) {
        self.init()
        if let weight = weights[.plausibility] { plausibility = weight }
        if let weight = weights[.alignment] { alignment = weight }
        if let weight = weights[.aesthetics] { aesthetics = weight }
        if let weight = weights[.overall] { overall = weight }
    }

    package var weights: [ScoreKind: Float] {
        var weights: [ScoreKind: Float] = [:]
        if hasPlausibility { weights[.plausibility] = plausibility }
        if hasAlignment { weights[.alignment] = alignment }
        if hasAesthetics { weights[.aesthetics] = aesthetics }
        if hasOverall { weights[.overall] = overall }
        return weights
    }
}
