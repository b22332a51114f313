import RewardModel
import TensorCPU
import TensorGraph

/// Measures the present weights on held-out records, with the training's engine and memory.
final class Validator {
    private let data: TrainingData
    private let config: ModelConfig
    private let engine: CPUEngine
    private let variables: Set<String>
    private let folder: String
    private let maker: BatchMaker
    private let cache: ExampleCache
    private let records: [Int]
    private let pairs: [TrainingData.Pair]
    private static let batch = 8

    init(
        data: TrainingData, folder: String, config: ModelConfig, items: Int, engine: CPUEngine,
        variables: Set<String>
    ) throws(TrainingError) {
        self.data = data
        self.config = config
        self.engine = engine
        self.variables = variables
        self.folder = folder
        cache = try ExampleCache(data: data, folder: folder, config: config)
        let plain = StageConfig(
            name: "validation", steps: 1, singles: 1, losses: LossConfig(words: config.wordHead == nil ? 0 : 1),
            augmentation: .init(crop: 0, jitter: 0, grey: 0, flip: 0))
        maker = try BatchMaker(data: data, cache: cache, config: config, stage: plain, number: 0, seed: 0)
        // Half for pairs, the rest of all records; the same ones each time.
        var pairOrder = Shuffle(count: max(data.pairs.count, 1), seed: 0, stream: 1)
        var order = Shuffle(count: data.entries.count, seed: 0, stream: 2)
        pairs = (0..<min(data.pairs.count, max(1, items / 4))).map { data.pairs[pairOrder[$0]] }
        var chosen = Set(pairs.flatMap { [$0.clean, $0.damaged] })
        for index in 0..<data.entries.count where chosen.count < items { chosen.insert(order[index]) }
        records = chosen.sorted()
    }

    private struct Found {
        var scores: [ScoreKind: Float] = [:]
        var maps: [HeatmapKind: [Float]] = [:]
        var words: [(logit: Float, misaligned: Bool)] = []
    }

    /// Predicts all chosen records and compares.
    func measure(step: Int) throws(TrainingError) -> ValidationReport {
        var found: [Int: Found] = [:]
        var programs: [BatchShape: ValidationProgram] = [:]
        for first in stride(from: 0, to: records.count, by: Self.batch) {
            let part = Array(records[first..<min(first + Self.batch, records.count)])
            var items: [BatchMaker.Item] = []
            for record in part { items.append(try maker.plainItem(record)) }
            let batch = maker.assemble(items, side: config.image.size)
            let program: ValidationProgram
            if let known = programs[batch.shape] {
                program = known
            } else {
                program = try ValidationProgram(
                    config: config, stage: maker.stage, shape: batch.shape, engine: engine, variables: variables)
                programs[batch.shape] = program
            }
            try program.run(batch)
            for (row, record) in part.enumerated() { found[record] = result(program, row, items[row]) }
        }
        return report(step, found)
    }

    private func result(_ program: ValidationProgram, _ row: Int, _ item: BatchMaker.Item) -> Found {
        var result = Found()
        for kind in ScoreKind.allCases { result.scores[kind] = program.score(kind)[row] }
        for kind in HeatmapKind.allCases {
            let map = program.map(kind)
            let size = map.count / program.items
            result.maps[kind] = Array(map[row * size..<(row + 1) * size])
        }
        if let logits = program.tags, case .tags(let labels) = item.entry.text {
            let length = logits.count / program.items
            // By word: the pieces between marks of the words; a word is judged by its largest logit.
            for (position, label) in labels.enumerated() where label >= 0 {
                result.words.append((logits[row * length + position], label > 0.5))
            }
        }
        return result
    }

    private func report(_ step: Int, _ found: [Int: Found]) -> ValidationReport {
        var report = ValidationReport(step: step)
        let order = records.compactMap { record in found[record].map { (record, $0) } }
        for kind in ScoreKind.allCases {
            report.correlation[kind] = Statistics.correlation(
                order.compactMap { $0.1.scores[kind] }, order.map { data.entries[$0.0].scores[kind] })
        }
        let right = pairs.count { pair in
            (found[pair.clean]?.scores[.plausibility] ?? 0) > (found[pair.damaged]?.scores[.plausibility] ?? 0)
        }
        if !pairs.isEmpty { report.pairAccuracy = Double(right) / Double(pairs.count) }
        for kind in HeatmapKind.allCases { report.shuffledArea[kind] = shuffledArea(kind, order) }
        let words = order.flatMap(\.1.words)
        if words.contains(where: \.misaligned) {
            let hits = Double(words.count { $0.logit > 0 && $0.misaligned })
            let (named, wanted) = (Double(words.count { $0.logit > 0 }), Double(words.count(where: \.misaligned)))
            let (precision, recall) = (named > 0 ? hits / named : 0, hits / wanted)
            report.words = (precision, recall, hits > 0 ? 2 * precision * recall / (precision + recall) : 0)
        }
        return report
    }

    private func shuffledArea(_ kind: HeatmapKind, _ order: [(Int, Found)]) -> Double? {
        var marks: [(record: Int, places: [Int])] = []
        for (record, _) in order {
            guard let example = try? cache.example(record), let map = example.maps[kind] else { continue }
            let places = (0..<cache.mapSize * cache.mapSize).filter { map[$0] >= 128 }
            if !places.isEmpty { marks.append((record, places)) }
        }
        guard marks.count > 1 else { return nil }
        let predictions = Dictionary(uniqueKeysWithValues: order.map { ($0.0, $0.1.maps[kind] ?? []) })
        var areas: [Double] = []
        for (index, (record, places)) in marks.enumerated() {
            guard let map = predictions[record], !map.isEmpty else { continue }
            let own = Set(places)
            var random = CounterRandom(0, 3, UInt64(index))
            var negatives: [Float] = []
            for _ in 0..<10 {
                let other = marks[(index + 1 + random.index(marks.count - 1)) % marks.count].places
                for _ in 0..<60 {
                    let place = other[random.index(other.count)]
                    if !own.contains(place) { negatives.append(map[place]) }
                }
            }
            if let area = Statistics.area(positives: places.map { map[$0] }, negatives: negatives) {
                areas.append(area)
            }
        }
        return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
    }
}

/// The network without losses, for a batch of whole images.
private final class ValidationProgram {
    let items: Int
    private let program: Program
    private let inputs: LossProgram.Inputs
    private let visualTokens: Int
    private let scoreCount = ScoreKind.allCases.count
    private let hasTags: Bool

    init(
        config: ModelConfig, stage: StageConfig, shape: BatchShape, engine: CPUEngine, variables: Set<String>
    ) throws(TrainingError) {
        items = shape.items
        hasTags = config.wordHead != nil
        let graph = LossGraph(config: config, stage: stage, shape: shape, isTrained: { _ in false })
        visualTokens = graph.network.visualTokens
        var network = graph.network
        var outputs: [Tensor] = []
        for kind in ScoreKind.allCases {
            outputs.append(network.graph.affine(graph.scores[kind] ?? Tensor(index: 0), factor: 1))
        }
        for kind in HeatmapKind.allCases {
            outputs.append(network.graph.activation(graph.logits[kind] ?? Tensor(index: 0), .sigmoid))
        }
        if let tags = graph.tags { outputs.append(network.graph.affine(tags, factor: 1)) }
        do {
            program = try engine.compile(network.graph, outputs: outputs, variables: variables)
        } catch { throw .engine(error.description) }
        inputs = LossProgram.Inputs(program)
    }

    func run(_ batch: TrainingBatch) throws(TrainingError) {
        inputs.load(batch, visualTokens: visualTokens)
        do { try program.run() } catch { throw .engine(error.description) }
    }

    func score(_ kind: ScoreKind) -> UnsafeMutableBufferPointer<Float> {
        program.output(ScoreKind.allCases.firstIndex(of: kind) ?? 0)
    }

    func map(_ kind: HeatmapKind) -> UnsafeMutableBufferPointer<Float> {
        program.output(scoreCount + (HeatmapKind.allCases.firstIndex(of: kind) ?? 0))
    }

    var tags: UnsafeMutableBufferPointer<Float>? {
        hasTags ? program.output(scoreCount + HeatmapKind.allCases.count) : nil
    }
}
