import RewardTestSupport
import TensorCPU
import TensorGraph
import Testing

/// The table of cases against loops in double precision, their finite differences, and itself at other thread counts.
@Suite struct OperatorTests {
    /// Runs one graph of the case: its output, and the gradient of `Σ seed · output` for each differentiable input.
    private func run(
        _ testCase: OperatorCase, _ values: [[Float]], threads: Int, seed: [Float]? = nil
    ) throws -> (output: [Float], gradients: [[Float]]) {
        let program = try CompiledCase(testCase, values, threads: threads, seed: seed)
        // Twice: the second run must not see what the first left in shared memory.
        try program.run()
        try program.run()
        return (program.output(0), (0..<program.gradientCount).map { program.output($0 + 1) })
    }

    /// The value by the operators' definitions.
    private func reference(_ testCase: OperatorCase, _ values: [[Double]]) -> [Double] {
        var graph = Graph()
        let inputs = testCase.inputs.enumerated().map { graph.input("\($0.offset)", $0.element) }
        let output = testCase.build(&graph, inputs)
        let named = Dictionary(uniqueKeysWithValues: values.enumerated().map { ("\($0.offset)", $0.element) })
        return ReferenceEvaluator(graph: graph, inputs: named).value(of: output)
    }

    @Test(arguments: OperatorCase.all) func valuesAgreeWithTheDefinition(testCase: OperatorCase) throws {
        let values = testCase.values()
        let expected = reference(testCase, values.map { $0.map(Double.init) })
        for threads in [1, 2] {
            expectClose(
                try run(testCase, values, threads: threads).output, expected.map { Float($0) }, absolute: 1e-5,
                relative: 1e-5, "\(testCase.name), \(threads) threads")
        }
    }

    @Test(arguments: OperatorCase.all) func gradientsAgreeWithFiniteDifferences(testCase: OperatorCase) throws {
        let values = testCase.values()
        let exact = values.map { $0.map(Double.init) }
        var random = Noise(state: 99)
        let seed = reference(testCase, exact).map { _ in random.next() }
        let gradients = try run(testCase, values, threads: 2, seed: seed).gradients
        let step = 1e-5
        for (position, input) in testCase.sources.enumerated() {
            // Every element of small inputs, a spread of large ones.
            for element in stride(from: 0, to: values[input].count, by: max(1, values[input].count / 24)) {
                func objective(_ delta: Double) -> Double {
                    var moved = exact
                    moved[input][element] += delta
                    return zip(reference(testCase, moved), seed).reduce(0) { $0 + $1.0 * Double($1.1) }
                }
                let slope = Float((objective(step) - objective(-step)) / (2 * step))
                expectClose(
                    [gradients[position][element]], [slope], absolute: 3e-5, relative: 1e-4,
                    "\(testCase.name), input \(input), element \(element)")
            }
        }
    }

    @Test(arguments: OperatorCase.all) func bitsDoNotDependOnTheThreads(testCase: OperatorCase) throws {
        let values = testCase.values()
        let seed = [Float](repeating: 0.7, count: try run(testCase, values, threads: 1).output.count)
        let alone = try run(testCase, values, threads: 1, seed: seed)
        for threads in [2, 3, 4] {
            let shared = try run(testCase, values, threads: threads, seed: seed)
            #expect(shared.output == alone.output && shared.gradients == alone.gradients, "\(threads) threads")
        }
    }

    @Test(arguments: OperatorCase.poolings) func topMeansAgreeWithSorting(testCase: OperatorCase) throws {
        let values = testCase.values()
        let shape = testCase.inputs[0]
        let (positions, channels) = (shape[1], shape[2])
        let words = testCase.name.split(separator: " ")
        let count = try #require(Int(words[4]))
        let seed = (0..<shape[0] * channels).map { Float($0 + 1) }
        let (output, gradients) = try run(testCase, values, threads: 2, seed: seed)
        var means: [Float] = []
        var slopes = [Float](repeating: 0, count: shape.count)
        for row in 0..<shape[0] * channels {
            let (item, channel) = (row / channels, row % channels)
            let places = (0..<positions).map { (item * positions + $0) * channels + channel }
            let top = places.sorted { values[0][$0] > values[0][$1] }.prefix(count)
            means.append(top.map { values[0][$0] }.reduce(0, +) / Float(count))
            for place in top { slopes[place] = seed[row] / Float(count) }
        }
        expectClose(output, means, absolute: 1e-6, testCase.name)
        expectClose(gradients[0], slopes, absolute: 1e-5, "gradient of the \(testCase.name)")
    }

    @Test func theFirstOfEqualValuesIsTheLargest() throws {
        let testCase = OperatorCase(name: "ties", inputs: [[1, 5, 1]]) { $0.topMean($1[0], count: 2) }
        let (output, gradients) = try run(testCase, [[1, 3, 3, 0, 3]], threads: 1, seed: [2])
        #expect(output == [3] && gradients[0] == [0, 1, 1, 0, 0])
    }

    @Test(arguments: [1, 3, 4]) func aNaNIsNeverPooledAway(count: Int) throws {
        let testCase = OperatorCase(name: "NaN", inputs: [[2, 4, 1]]) { $0.topMean($1[0], count: count) }
        for place in 0..<4 {
            var values: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
            values[place] = .nan
            let output = try run(testCase, [values], threads: 1).output
            #expect(output[0].isNaN && output[1].isFinite)
        }
    }

    /// A new operator without a case fails here.
    @Test func everyOperatorHasACase() {
        var met: Set<String> = []
        for testCase in OperatorCase.all {
            var graph = Graph()
            let inputs = testCase.inputs.enumerated().map { graph.input("\($0.offset)", $0.element) }
            let output = testCase.build(&graph, inputs)
            let seed = graph.constant([Float](repeating: 1, count: graph.shape(output).count), graph.shape(output))
            var outputs = [output]
            if !testCase.sources.isEmpty {
                outputs += graph.gradients(of: [(output, seed)], withRespectTo: testCase.sources.map { inputs[$0] })
            }
            for (node, isLive) in zip(graph.nodes, graph.live(from: outputs)) where isLive {
                met.insert(String("\(node.operation)".prefix { $0 != "(" }))
            }
        }
        // Parameters have their own tests: weights come from files.
        let operators: Set<String> = [
            "input", "constant", "integerConstant", "linear", "linearWeightGradient", "attention", "attentionGradient",
            "convolution", "transposedConvolution", "convolutionWeightGradient", "norm", "normGradient", "activation",
            "activationGradient", "add", "multiply", "affine", "reshape", "transpose", "slice", "pad", "concatenate",
            "broadcast", "sumLeading", "topMean", "topMeanGradient", "embedding", "embeddingGradient", "append",
            "attentionBiasGradient", "crossEntropy", "crossEntropyGradient", "reciprocal",
        ]
        #expect(met == operators)
    }
}

/// Fixed-seed values in ±1.
struct Noise {
    var state: UInt64

    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 23) - 1
    }
}
