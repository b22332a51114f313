package import RewardModel
package import TensorCPU
import TensorGraph

/// A stage's loss and gradients for one batch shape, compiled, with the memory its batches are written to.
package final class LossProgram {
    package let shape: BatchShape
    /// Names and weights of the loss's parts, in the order of `values`.
    package let parts: [(name: String, weight: Double)]
    /// Names of the weights that have a gradient, in the order of `gradient`.
    package let names: [String]
    private let program: Program
    private let inputs: Inputs
    private let visualTokens: Int

    package init(
        config: ModelConfig, stage: StageConfig, shape: BatchShape, engine: CPUEngine, variables: Set<String>,
        isTrained: (String) -> Bool
    ) throws(TrainingError) {
        let graph = LossGraph(config: config, stage: stage, shape: shape, isTrained: isTrained)
        guard !graph.parts.isEmpty else {
            throw .invalidConfig("stage '\(stage.name)' has no loss that its scores, heatmaps or words could have")
        }
        guard !graph.gradients.isEmpty else {
            throw .invalidConfig("stage '\(stage.name)' trains no weight: everything its losses depend on is frozen")
        }
        self.shape = shape
        parts = graph.parts.map { ($0.name, $0.weight) }
        names = graph.gradients.map(\.name)
        visualTokens = graph.network.visualTokens
        do {
            program = try engine.compile(
                graph.network.graph, outputs: graph.parts.map(\.value) + graph.gradients.map(\.value),
                variables: variables, exactConvolutions: stage.exactConvolutions)
        } catch { throw .engine(error.description) }
        inputs = Inputs(program)
    }

    /// Writes a batch of the program's shape.
    package func load(_ batch: TrainingBatch) {
        precondition(batch.shape == shape, "a batch of \(batch.shape) for a program of \(shape)")
        inputs.load(batch, visualTokens: visualTokens)
    }

    /// Computes the parts and the gradients.
    package func run() throws(TrainingError) {
        do { try program.run() } catch { throw .engine(error.description) }
    }

    /// The parts' values after a run.
    package var values: [Double] { parts.indices.map { Double(program.output($0)[0]) } }

    /// A gradient after a run, valid until the next one.
    package func gradient(_ index: Int) -> UnsafeMutableBufferPointer<Float> { program.output(parts.count + index) }
}

extension LossProgram {
    /// The memory that a program's inputs are bound to.
    package final class Inputs {
        private let program: Program
        private var memory: [String: UnsafeMutableRawPointer] = [:]

        init(_ program: Program) {
            self.program = program
        }

        deinit {
            for block in memory.values { block.deallocate() }
        }

        /// Writes what the program reads of a batch.
        func load(_ batch: TrainingBatch, visualTokens: Int) {
            write("pixels", batch.pixels)
            write("ids", batch.ids)
            write("counts", batch.tokenCounts.map { $0 + Int32(visualTokens) })
            // The words' row is the last: the prompt alone.
            write("text_counts", Array(batch.tokenCounts.suffix(batch.shape.items)))
            for kind in ScoreKind.allCases {
                write("score.\(kind.rawValue)", batch.scores[kind] ?? [])
                write("score_weight.\(kind.rawValue)", batch.scoreWeights[kind] ?? [])
            }
            for kind in HeatmapKind.allCases {
                write("map.\(kind.rawValue)", batch.maps[kind] ?? [])
                write("map_weight.\(kind.rawValue)", batch.mapWeights[kind] ?? [])
                write("dice_weight.\(kind.rawValue)", batch.diceWeights[kind] ?? [])
            }
            write("hinge_weight", batch.hingeWeights)
            write("tags", batch.tags)
            write("tag_weights", batch.tagWeights)
            write("decoder_ids", batch.decoderIds)
            write("decoder_classes", batch.decoderClasses)
            write("decoder_weights", batch.decoderWeights)
        }

        private func write<Element: BitwiseCopyable>(_ name: String, _ values: [Element]) {
            guard !values.isEmpty, program.inputIndex(name) != nil else { return }
            let bytes = values.count * MemoryLayout<Element>.stride
            let block: UnsafeMutableRawPointer
            if let known = memory[name] {
                block = known
            } else {
                block = .allocate(byteCount: bytes, alignment: 64)
                memory[name] = block
                program.bind(name, to: block)
            }
            values.withUnsafeBytes { source in
                if let base = source.baseAddress { block.copyMemory(from: base, byteCount: bytes) }
            }
        }
    }
}
