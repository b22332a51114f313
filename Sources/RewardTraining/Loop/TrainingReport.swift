/// What a run says about itself while it goes.
public enum TrainingReport: Sendable {
    case step(Step)
    case validation(ValidationReport)

    public struct Step: Sendable {
        /// Steps taken, and to take, over all stages.
        public var step: Int
        public var steps: Int
        public var stage: String
        /// The weighted sum of the parts.
        public var loss: Double
        /// Unweighted.
        public var parts: [(name: String, value: Double)]
        public var itemsPerSecond: Double
        public var secondsLeft: Double
    }
}

/// Means over the steps since the log's last row.
struct Window {
    private var steps = 0
    private(set) var items = 0
    private(set) var seconds = 0.0
    private var loss = 0.0
    private var parts: [String: Double] = [:]
    private var rate = 0.0
    private var norm = 0.0

    mutating func add(_ result: StageStepper.Result, seconds: Double, items: Int) {
        steps += 1
        self.items += items
        self.seconds += seconds
        loss += result.loss
        for part in result.parts { parts[part.name, default: 0] += part.value }
        rate = result.rate
        norm += result.norm
    }

    var itemsPerSecond: Double { Double(items) / max(seconds, 1e-9) }

    func row(step: Int, stage: String) -> TrainingLog.Row {
        let count = Double(max(steps, 1))
        return TrainingLog.Row(
            step: step, stage: stage, loss: loss / count,
            parts: TrainingLog.parts.map { name in parts[name].map { $0 / count } }, rate: rate, norm: norm / count,
            itemsPerSecond: itemsPerSecond)
    }
}
