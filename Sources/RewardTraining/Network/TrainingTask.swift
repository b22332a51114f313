package import RewardModel

/// What one row of the T5 encoder is trained for; a multi-head model has one row that serves everything.
package enum TrainingTask: Hashable {
    case shared
    case score(ScoreKind)
    case heatmap(HeatmapKind)
    case words

    /// Name of the task's text in `text.task_prefixes`; empty for the prompt alone.
    package var prefix: String {
        switch self {
        case .score(let kind): kind.rawValue
        case .heatmap(let kind): kind.rawValue
        case .shared, .words: ""
        }
    }

    /// The rows a stage needs, in order.
    package static func tasks(of stage: StageConfig, _ config: ModelConfig) -> [TrainingTask] {
        if config.variant == .multiHead || stage.bypassTransformers { return [.shared] }
        let heads = stage.scores.map { TrainingTask.score($0) } + stage.heatmaps.map { .heatmap($0) }
        return heads + (stage.losses.words > 0 || heads.isEmpty ? [.words] : [])
    }
}
