import RewardModel
import RewardTestSupport
import RewardTraining
import TensorCPU
import TensorGraph
import Testing

@Suite struct LossTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    /// A batch of two pairs and a single, its program, and the engine that holds the weights.
    private func setUp(
        _ variant: ModelConfig.Variant, tagger: Bool, freeze: [String] = []
    ) throws -> (program: LossProgram, engine: CPUEngine, model: ModelFolder) {
        let model = try Sample.model(variant, tagger: tagger, in: scratch.path)
        let folder = "\(scratch.path)/data"
        try Sample.data(pairs: 3, in: folder)
        let stage = StageConfig(
            name: "all", steps: 1, pairs: 2, singles: 1, losses: Sample.losses, freeze: freeze,
            augmentation: Sample.plain)
        let data = try Sample.training(folder, for: model)
        let cache = try ExampleCache(data: data, folder: scratch.path, config: model.config)
        let maker = try BatchMaker(data: data, cache: cache, config: model.config, stage: stage, number: 0, seed: 1)
        let batch = try maker.batch(0)
        let engine = CPUEngine(source: model.weights, threads: 2)
        let names = Set(ParameterCatalogue.parameters(for: model.config).map(\.name))
        let patterns = freeze.map { NamePattern($0) }
        let program = try LossProgram(
            config: model.config, stage: stage, shape: batch.shape, engine: engine, variables: names,
            isTrained: { name in !patterns.contains { $0.matches(name) } })
        program.load(batch)
        return (program, engine, model)
    }

    private func loss(_ program: LossProgram) throws -> Double {
        try program.run()
        return zip(program.parts, program.values).reduce(0) { $0 + $1.0.weight * $1.1 }
    }

    @Test(arguments: [ModelConfig.Variant.multiHead, .augmentedPrompt], [false, true])
    func everyWeightsGradientIsTheSlopeOfTheLoss(variant: ModelConfig.Variant, tagger: Bool) throws {
        let (program, engine, model) = try setUp(variant, tagger: tagger)
        let specs = Dictionary(
            uniqueKeysWithValues: ParameterCatalogue.parameters(for: model.config).map { ($0.name, $0.shape) })
        // Away from the zeros that some weights start from, where blocks are cut off from each other.
        for (name, shape) in specs {
            let values = try engine.variable(name, Shape(shape))
            var random = CounterRandom(9, UInt64(name.utf8.reduce(0) { $0 + Int($1) }))
            for index in values.indices { values[index] += Float(random.uniform(-0.05...0.05)) }
        }
        #expect(program.parts.map(\.name) == ["hinge", "score", "heatmap", "heatmap_entropy", "dice", "words"])
        _ = try loss(program)
        let gradients = program.names.indices.map { Array(program.gradient($0)) }
        var judged = 0
        for (name, gradient) in zip(program.names, gradients) {
            let values = try engine.variable(name, Shape(specs[name] ?? []))
            let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            // Slopes that float32 losses can show: their rounding over this step is about 0.01. The others' are compared
            // with PyTorch's by Scripts/parity/train_step.py, to 1e-4.
            guard norm > 0.4 else { continue }
            judged += 1
            let before = Array(values)
            // So small that hardly a ReLU changes sides on the way; float32 losses still show the slope.
            let step = 1e-4
            func moved(_ step: Double) throws -> Double {
                for index in values.indices {
                    values[index] = Float(Double(before[index]) + step * Double(gradient[index]) / norm)
                }
                return try loss(program)
            }
            let slope = try (moved(step) - moved(-step)) / (2 * step)
            for index in values.indices { values[index] = before[index] }
            expectClose([Float(slope)], [Float(norm)], absolute: 2e-3, relative: 0.05, name)
        }
        #expect(judged > 12)
    }

    @Test func frozenWeightsHaveNoGradient() throws {
        let (program, _, model) = try setUp(.multiHead, tagger: true, freeze: ["vit.", "*.bias"])
        #expect(!program.names.contains { $0.hasPrefix("vit.") || $0.hasSuffix(".bias") })
        #expect(program.names.contains { $0.hasPrefix("t5.") })
        #expect(program.names.count < ParameterCatalogue.parameters(for: model.config).count)
    }

    @Test func everyWeightOfTheModelIsTrainedByTheWholeLoss() throws {
        for tagger in [false, true] {
            let (program, _, model) = try setUp(.multiHead, tagger: tagger)
            let all = Set(ParameterCatalogue.parameters(for: model.config).map(\.name))
            #expect(all.subtracting(program.names) == [], "tagger \(tagger)")
        }
    }
}
