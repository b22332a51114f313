import TensorCPU
import TensorGraph

/// A case compiled for the engine, with memory bound to its inputs. Output 0 is the value, the rest are gradients.
final class CompiledCase {
    private struct NoWeights: ParameterSource {
        func parameter(named name: String) -> ParameterView? { nil }
    }

    private let engine: CPUEngine
    private let program: Program
    private let memory: [UnsafeMutableBufferPointer<Float>]
    let gradientCount: Int

    /// - Parameter seed: d objective / d output, to differentiate too.
    init(_ testCase: OperatorCase, _ values: [[Float]], threads: Int, seed: [Float]? = nil) throws {
        var graph = Graph()
        let inputs = testCase.inputs.enumerated().map { graph.input("\($0.offset)", $0.element) }
        let output = testCase.build(&graph, inputs)
        // A copy, so that an output that is a view of an input has memory of its own.
        var outputs = [graph.affine(output, factor: 1)]
        if let seed, !testCase.sources.isEmpty {
            let seeded = graph.constant(seed, graph.shape(output))
            let sources = testCase.sources.map { inputs[$0] }
            for gradient in graph.gradients(of: [(output, seeded)], withRespectTo: sources) {
                outputs.append(graph.affine(gradient, factor: 1))
            }
        }
        gradientCount = outputs.count - 1
        engine = CPUEngine(source: NoWeights(), threads: threads)
        program = try engine.compile(graph, outputs: outputs)
        memory = values.map { values in
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
            _ = buffer.initialize(from: values)
            return buffer
        }
        for (index, buffer) in memory.enumerated() {
            if let base = buffer.baseAddress { program.bind("\(index)", to: base) }
        }
    }

    deinit {
        for buffer in memory { buffer.deallocate() }
    }

    func run() throws { try program.run() }

    func output(_ index: Int) -> [Float] { Array(program.output(index)) }
}

extension OperatorCase {
    /// Inputs to differentiate.
    var sources: [Int] { differentiable ?? Array(inputs.indices) }

    /// Fixed values for the inputs.
    func values() -> [[Float]] {
        var random = Noise(state: UInt64(name.utf8.reduce(0) { $0 + Int($1) }))
        return inputs.map { shape in
            (0..<shape.count).map { _ in
                // Away from zero, where ReLU has no derivative to compare with.
                let value = random.next()
                return value.magnitude < 0.02 ? value + 0.04 : value
            }
        }
    }
}
