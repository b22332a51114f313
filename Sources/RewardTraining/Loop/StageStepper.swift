import RewardModel
import TensorCPU

/// The steps of one stage: passes, gradients, the optimizer.
struct StageStepper {
    let stage: StageConfig
    let config: ModelConfig
    let engine: CPUEngine
    let variables: Set<String>
    let optimizer: AdamW
    private let frozen: [NamePattern]
    private let factors: [(pattern: NamePattern, factor: Double)]
    private var programs: [(key: ProgramKey, program: LossProgram)] = []
    private struct ProgramKey: Equatable {
        var shape: BatchShape
        var rehearsal: Bool
    }

    /// Over the passes of one step.
    private let sums = GradientSums()

    /// Programs kept; the one unused longest goes.
    private static let limit = 8

    init(
        stage: StageConfig, config: ModelConfig, engine: CPUEngine, variables: Set<String>, optimizer: AdamW
    ) {
        self.stage = stage
        self.config = config
        self.engine = engine
        self.variables = variables
        self.optimizer = optimizer
        frozen = stage.freeze.map { NamePattern($0) }
        factors = stage.learningRateFactors.map { (NamePattern($0.pattern), $0.factor) }
    }

    /// What a step gave.
    struct Result {
        var loss: Double
        /// Unweighted.
        var parts: [(name: String, value: Double)]
        var rate: Double
        var norm: Double
    }

    /// One step; `local` counts from the stage's start, `total` from the run's.
    mutating func step(
        _ local: Int, total: Int, loader: BatchLoader, lastCheckpoint: String?
    ) throws(TrainingError) -> Result {
        var parts: [(name: String, weight: Double, value: Double)] = []
        var gradients: [AdamW.Gradient] = []
        for pass in 0..<stage.passes {
            let batch = try loader.next()
            let rehearses = pass == stage.accumulate
            let share = rehearses ? stage.rehearsalWeight : 1 / Double(stage.accumulate)
            let program = try program(ProgramKey(shape: batch.shape, rehearsal: rehearses))
            program.load(batch)
            try program.run()
            for (part, value) in zip(program.parts, program.values) {
                guard value.isFinite else {
                    throw .nonFinite(
                        step: total, what: "the loss's part '\(part.name)'", lastCheckpoint: lastCheckpoint)
                }
                // A rehearsal's parts are one part of the step's loss.
                let (name, weight) = rehearses ? ("rehearsal", 1) : (part.name, part.weight)
                let added = share * (rehearses ? part.weight * value : value)
                if let known = parts.firstIndex(where: { $0.name == name }) {
                    parts[known].value += added
                } else {
                    parts.append((name, weight, added))
                }
            }
            if stage.passes == 1 {
                gradients = program.names.indices.compactMap { index in
                    program.gradient(index).baseAddress.map {
                        AdamW.Gradient(name: program.names[index], values: $0, factor: factor(program.names[index]))
                    }
                }
            } else {
                if pass == 0 { sums.clear() }
                for (index, name) in program.names.enumerated() {
                    sums.add(program.gradient(index), share: Float(share), to: name)
                }
            }
        }
        if stage.passes > 1 { gradients = sums.all { factor($0) } }
        let norm = optimizer.norm(gradients)
        guard norm.isFinite else {
            let bad = gradients.first { !optimizer.norm([$0]).isFinite }?.name ?? "the weights"
            throw .nonFinite(step: total, what: "the gradient of \(bad)", lastCheckpoint: lastCheckpoint)
        }
        let rate = stage.schedule.rate(
            peak: stage.learningRate, step: local, steps: stage.steps, warmUp: stage.warmUp,
            finalFactor: stage.finalFactor)
        optimizer.update(gradients, norm: norm, rate: rate, step: total)
        optimizer.settle(except: gradients, step: total)
        return Result(
            loss: parts.reduce(0) { $0 + $1.weight * $1.value }, parts: parts.map { ($0.name, $0.value) },
            rate: rate, norm: norm)
    }

    private func factor(_ name: String) -> Double { factors.last { $0.pattern.matches(name) }?.factor ?? 1 }

    private mutating func program(_ key: ProgramKey) throws(TrainingError) -> LossProgram {
        if let index = programs.firstIndex(where: { $0.key == key }) {
            let known = programs.remove(at: index)
            programs.append(known)
            return known.program
        }
        let frozen = frozen
        let program = try LossProgram(
            config: config, stage: key.rehearsal ? stage.rehearsal ?? stage : stage, shape: key.shape, engine: engine,
            variables: variables,
            isTrained: { name in !frozen.contains { $0.matches(name) } })
        if programs.count == Self.limit { programs.removeFirst() }
        programs.append((key, program))
        return program
    }
}

/// Gradients added up over passes. A weight that one pass has no gradient for counts as zero there.
private final class GradientSums {
    private var blocks: [String: UnsafeMutableBufferPointer<Float>] = [:]

    deinit {
        for block in blocks.values { block.deallocate() }
    }

    func clear() {
        for block in blocks.values { block.update(repeating: 0) }
    }

    func add(_ gradient: UnsafeMutableBufferPointer<Float>, share: Float, to name: String) {
        let block: UnsafeMutableBufferPointer<Float>
        if let known = blocks[name] {
            block = known
        } else {
            block = .allocate(capacity: gradient.count)
            block.initialize(repeating: 0)
            blocks[name] = block
        }
        for element in 0..<gradient.count { block[element] += share * gradient[element] }
    }

    func all(_ factor: (String) -> Double) -> [AdamW.Gradient] {
        blocks.sorted { $0.key < $1.key }.compactMap { name, block in
            block.baseAddress.map { AdamW.Gradient(name: name, values: $0, factor: factor(name)) }
        }
    }
}
