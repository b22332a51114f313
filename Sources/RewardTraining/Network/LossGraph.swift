import RewardModel
import TensorGraph

/// The network, the loss's parts and the weights' gradients as one graph.
struct LossGraph {
    private(set) var network: NetworkBuilder
    /// Parts of the loss, each `[1]`, with the name and weight it has in the sum.
    private(set) var parts: [(name: String, weight: Double, value: Tensor)] = []
    /// Weights the loss depends on and is differentiated by, and their gradients.
    private(set) var gradients: [(name: String, value: Tensor)] = []

    /// What the network says, before any loss: scores `[items, 1]`, heatmap logits, the tagger's logits.
    private(set) var scores: [ScoreKind: Tensor] = [:]
    private(set) var logits: [HeatmapKind: Tensor] = [:]
    private(set) var tags: Tensor?

    private let stage: StageConfig
    private let shape: BatchShape
    private let tasks: [TrainingTask]

    /// - Parameter isTrained: which weights get a gradient; nothing is computed for the others.
    init(config: ModelConfig, stage: StageConfig, shape: BatchShape, isTrained: (String) -> Bool) {
        network = NetworkBuilder(config)
        self.stage = stage
        self.shape = shape
        tasks = TrainingTask.tasks(of: stage, config)
        build(config)
        var seeded: [(output: Tensor, seed: Tensor)] = []
        for part in parts {
            seeded.append((part.value, network.graph.constant([Float(part.weight)], [1])))
        }
        let names = network.parameters.keys.filter(isTrained).sorted()
        if names.isEmpty { return }
        let values = network.graph.gradients(of: seeded, withRespectTo: names.compactMap { network.parameters[$0] })
        for (name, value) in zip(names, values) {
            // A weight on no path to the loss has a constant zero.
            if case .constant = network.graph[value].operation { continue }
            // A copy where the gradient is a view of another value, which cannot be an output of its own.
            let own: Tensor =
                switch network.graph[value].operation {
                case .reshape, .input, .parameter: network.graph.affine(value, factor: 1)
                default: value
                }
            gradients.append((name, own))
        }
    }

    private mutating func build(_ config: ModelConfig) {
        let pixels = network.graph.input("pixels", [shape.items, shape.side, shape.side, 3])
        let map: (encoder: Tensor, detail: Tensor?)
        let detail = network.detailMap(pixels)
        var states: Tensor?
        if stage.bypassTransformers {
            map = (network.bypassedFeatureMap(pixels), detail)
        } else {
            var visual = network.imageTokens(pixels)
            let rows = shape.items * tasks.count
            if tasks.count > 1 {
                let one = network.graph.shape(visual)
                let repeated = network.graph.broadcast(visual, leading: [tasks.count])
                visual = network.graph.reshape(repeated, [rows, one[1], one[2]])
            }
            let ids = network.graph.input("ids", [rows, shape.textLength], .int32)
            let counts = network.graph.input("counts", [rows], .int32)
            let encoded = network.encode(visual, ids, tokenCounts: counts)
            map = (network.featureMap(encoded), detail)
            states = encoded
        }
        for kind in stage.heatmaps {
            logits[kind] = network.heatmapLogits(rows(of: network.map(for: kind, map), .heatmap(kind)), kind)
        }
        addScores(config, map)
        addHeatmaps()
        if stage.losses.words > 0, let states { addWords(config, network.textStates(rows(of: states, .words))) }
    }

    private mutating func rows(of x: Tensor, _ task: TrainingTask) -> Tensor {
        guard tasks.count > 1, let index = tasks.firstIndex(of: task) else { return x }
        return network.graph.slice(x, axis: 0, index * shape.items..<(index + 1) * shape.items)
    }

    // MARK: Scores

    private mutating func addScores(_ config: ModelConfig, _ map: (encoder: Tensor, detail: Tensor?)) {
        guard stage.losses.score > 0 || stage.losses.hinge > 0 else { return }
        var known: [HeatmapKind: Tensor] = [:]
        if config.variant == .multiHead {
            let read = Set(stage.scores.flatMap { config.statisticsHeatmaps(for: $0) })
            for kind in HeatmapKind.allCases where read.contains(kind) {
                // A map the stage does not train says nothing yet: zeros stand for it, and its head is not computed.
                let empty = [Float](repeating: 0, count: shape.items * shape.mapSide * shape.mapSide)
                known[kind] =
                    logits[kind]
                    ?? network.graph.constant(empty, [shape.items, shape.mapSide, shape.mapSide, 1])
            }
        }
        var sum: Tensor?
        for kind in stage.scores {
            let own = rows(of: network.map(for: kind, map), .score(kind))
            let score = network.scoreHead(own, kind, heatmapLogits: known)
            scores[kind] = score
            let target = network.graph.input("score.\(kind.rawValue)", [shape.items, 1])
            let weights = network.graph.input("score_weight.\(kind.rawValue)", [shape.items, 1])
            let loss = total(square(difference(score, target)), weights)
            sum = sum.map { network.graph.add($0, loss) } ?? loss
            if kind == .plausibility, stage.losses.hinge > 0 { addHinge(score) }
        }
        if let sum, stage.losses.score > 0 { parts.append(("score", stage.losses.score, sum)) }
    }

    /// `max(0, margin - (clean - damaged))`
    private mutating func addHinge(_ score: Tensor) {
        let clean = network.graph.slice(score, axis: 0, 0..<shape.pairs)
        let damaged = network.graph.slice(score, axis: 0, shape.pairs..<2 * shape.pairs)
        let gap = difference(damaged, clean)
        let short = network.graph.affine(gap, factor: 1, offset: Float(stage.losses.margin))
        let weights = network.graph.input("hinge_weight", [shape.pairs, 1])
        let hinge = network.graph.activation(short, .relu)
        parts.append(("hinge", stage.losses.hinge, total(hinge, weights)))
    }

    // MARK: Heatmaps

    private mutating func addHeatmaps() {
        let losses = stage.losses
        guard losses.heatmap > 0 || losses.heatmapEntropy > 0 || losses.dice > 0 else { return }
        let pixels = shape.mapSide * shape.mapSide
        var sums: [String: Tensor] = [:]
        for kind in stage.heatmaps {
            guard let map = logits[kind] else { continue }
            let z = network.graph.reshape(map, [shape.items, pixels])
            let p = network.graph.activation(z, .sigmoid)
            let t = network.graph.input("map.\(kind.rawValue)", [shape.items, pixels])
            let weights = network.graph.input("map_weight.\(kind.rawValue)", [shape.items, 1])
            func add(_ name: String, _ value: Tensor) {
                sums[name] = sums[name].map { network.graph.add($0, value) } ?? value
            }
            if losses.heatmap > 0 { add("heatmap", total(mean(square(difference(p, t))), weights)) }
            if losses.heatmapEntropy > 0 {
                let entropy = entropy(z, t, positiveWeight: losses.positiveWeight)
                add("heatmap_entropy", total(mean(entropy), weights))
            }
            if losses.dice > 0 {
                let marked = network.graph.input("dice_weight.\(kind.rawValue)", [shape.items, 1])
                let dice = dice(p, t)
                add("dice", total(dice, marked))
            }
        }
        for (name, weight) in [
            ("heatmap", losses.heatmap), ("heatmap_entropy", losses.heatmapEntropy), ("dice", losses.dice),
        ] {
            if let sum = sums[name] { parts.append((name, weight, sum)) }
        }
    }

    /// `(1 - t) z + (1 + (w - 1) t) log(1 + e^-z)`: cross-entropy of logits, targets counted w times.
    private mutating func entropy(_ z: Tensor, _ t: Tensor, positiveWeight: Double) -> Tensor {
        let negative = network.graph.affine(t, factor: -1, offset: 1)
        let minus = network.graph.affine(z, factor: -1)
        let tail = network.graph.activation(minus, .softplus)
        let share = network.graph.affine(t, factor: Float(positiveWeight - 1), offset: 1)
        let first = network.graph.multiply(z, negative)
        let second = network.graph.multiply(tail, share)
        return network.graph.add(first, second)
    }

    /// `1 - (2 Σpt + 1) / (Σp + Σt + 1)` of each item, `[items, 1]`.
    private mutating func dice(_ p: Tensor, _ t: Tensor) -> Tensor {
        let both = sumInner(network.graph.multiply(p, t))
        let either = network.graph.add(sumInner(p), sumInner(t))
        let inverse = network.graph.reciprocal(network.graph.affine(either, factor: 1, offset: 1))
        let share = network.graph.multiply(network.graph.affine(both, factor: 2, offset: 1), inverse)
        return network.graph.affine(share, factor: -1, offset: 1)
    }

    // MARK: Words

    private mutating func addWords(_ config: ModelConfig, _ text: Tensor) {
        if config.wordHead != nil {
            let logits = network.wordLogits(text)
            tags = logits
            let z = network.graph.reshape(logits, [shape.items, shape.textLength])
            let t = network.graph.input("tags", [shape.items, shape.textLength])
            let weights = network.graph.input("tag_weights", [shape.items, shape.textLength])
            let loss = total(entropy(z, t, positiveWeight: stage.losses.wordPositiveWeight), weights)
            parts.append(("words", stage.losses.words, loss))
        } else if shape.decoderLength > 0 {
            let size: Shape = [shape.items, shape.decoderLength]
            let ids = network.graph.input("decoder_ids", size, .int32)
            let classes = network.graph.input("decoder_classes", size, .int32)
            let weights = network.graph.input("decoder_weights", size)
            let textCounts = network.graph.input("text_counts", [shape.items], .int32)
            let logits = network.decoderLogits(ids, text: text, textCounts: textCounts)
            let rows = network.graph.crossEntropy(logits, classes: classes)
            parts.append(("words", stage.losses.words, total(network.graph.reshape(rows, size), weights)))
        }
    }

    // MARK: Arithmetic

    private mutating func difference(_ a: Tensor, _ b: Tensor) -> Tensor {
        network.graph.add(a, network.graph.affine(b, factor: -1))
    }

    private mutating func square(_ x: Tensor) -> Tensor { network.graph.multiply(x, x) }

    /// `Σ x · weights`, `[1]`.
    private mutating func total(_ x: Tensor, _ weights: Tensor) -> Tensor {
        let weighted = network.graph.multiply(x, weights)
        let flat = network.graph.reshape(weighted, [network.graph.shape(x).count, 1])
        return network.graph.sumLeading(flat, to: [1])
    }

    /// Sum of each row `[N, P]`, `[N, 1]`.
    private mutating func sumInner(_ x: Tensor) -> Tensor {
        let width = network.graph.shape(x).last
        let ones = network.graph.constant([Float](repeating: 1, count: width), [1, width])
        return network.graph.linear(x, ones)
    }

    private mutating func mean(_ x: Tensor) -> Tensor {
        let sum = sumInner(x)
        return network.graph.affine(sum, factor: 1 / Float(network.graph.shape(x).last))
    }
}
