import RewardTestSupport
import TensorCPU
import TensorGraph
import Testing

/// The table of cases against finite differences, a naive reference, and itself at other thread counts.
@Suite struct OperatorTests {
    private struct NoWeights: ParameterSource {
        func parameter(named name: String) -> ParameterView? { nil }
    }

    /// Runs one graph of the case: its output, and the gradient of `Σ seed · output` for each differentiable input.
    private func run(
        _ testCase: OperatorCase, _ values: [[Float]], threads: Int, seed: [Float]? = nil
    ) throws -> (output: [Float], gradients: [[Float]]) {
        var graph = Graph()
        let inputs = testCase.inputs.enumerated().map { graph.input("\($0.offset)", $0.element) }
        let output = testCase.build(&graph, inputs)
        // A copy, so that an output that is a view of an input has memory of its own.
        var outputs = [graph.affine(output, factor: 1)]
        if let seed {
            let seeded = graph.constant(seed, graph.shape(output))
            let sources = (testCase.differentiable ?? Array(inputs.indices)).map { inputs[$0] }
            for gradient in graph.gradients(of: [(output, seeded)], withRespectTo: sources) {
                outputs.append(graph.affine(gradient, factor: 1))
            }
        }
        let engine = CPUEngine(source: NoWeights(), threads: threads)
        let program = try engine.compile(graph, outputs: outputs)
        let memory = values.map { values in
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
            _ = buffer.initialize(from: values)
            return buffer
        }
        defer { for buffer in memory { buffer.deallocate() } }
        for (index, buffer) in memory.enumerated() {
            if let base = buffer.baseAddress { program.bind("\(index)", to: base) }
        }
        // Twice: the second run must not see what the first left in shared memory.
        program.run()
        program.run()
        return (Array(program.output(0)), outputs.indices.dropFirst().map { Array(program.output($0)) })
    }

    private func values(_ testCase: OperatorCase) -> [[Float]] {
        var random = Noise(state: UInt64(testCase.name.utf8.reduce(0) { $0 + Int($1) }))
        return testCase.inputs.map { shape in
            (0..<shape.count).map { _ in
                // Away from zero, where ReLU has no derivative to compare with.
                let value = random.next()
                return value.magnitude < 0.02 ? value + 0.04 : value
            }
        }
    }

    @Test(arguments: OperatorCase.all) func gradientsAgreeWithFiniteDifferences(testCase: OperatorCase) throws {
        let values = values(testCase)
        let plain = try run(testCase, values, threads: 2).output
        var random = Noise(state: 99)
        let seed = plain.map { _ in random.next() }
        let gradients = try run(testCase, values, threads: 2, seed: seed).gradients
        let step: Float = 4e-3
        for (position, input) in (testCase.differentiable ?? Array(values.indices)).enumerated() {
            // Every element of small inputs, a spread of large ones.
            for element in stride(from: 0, to: values[input].count, by: max(1, values[input].count / 12)) {
                func objective(_ delta: Float) throws -> Double {
                    var moved = values
                    moved[input][element] += delta
                    let output = try run(testCase, moved, threads: 1).output
                    return zip(output, seed).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                }
                let slope = Float((try objective(step) - objective(-step)) / Double(2 * step))
                expectClose(
                    [gradients[position][element]], [slope], absolute: 4e-3, relative: 1e-2,
                    "\(testCase.name), input \(input), element \(element)")
            }
        }
    }

    @Test(arguments: OperatorCase.all) func bitsDoNotDependOnTheThreads(testCase: OperatorCase) throws {
        let values = values(testCase)
        let seed = [Float](repeating: 0.7, count: try run(testCase, values, threads: 1).output.count)
        let alone = try run(testCase, values, threads: 1, seed: seed)
        for threads in [2, 3, 4] {
            let shared = try run(testCase, values, threads: threads, seed: seed)
            #expect(shared.output == alone.output && shared.gradients == alone.gradients, "\(threads) threads")
        }
    }

    @Test(arguments: OperatorCase.products.indices) func productsAgreeWithALoop(index: Int) throws {
        let testCase = OperatorCase.products[index]
        guard testCase.name.hasPrefix("linear ") else { return }
        let values = values(testCase)
        let (m, k, n) = (testCase.inputs[0][0], testCase.inputs[0][1], testCase.inputs[1][0])
        var expected = [Float](repeating: 0, count: m * n)
        for row in 0..<m {
            for column in 0..<n {
                var sum = Double(values[2][column])
                for depth in 0..<k { sum += Double(values[0][row * k + depth]) * Double(values[1][column * k + depth]) }
                expected[row * n + column] = Float(sum)
            }
        }
        expectClose(
            try run(testCase, values, threads: 2).output, expected, absolute: 1e-5, relative: 1e-5, testCase.name)
    }

    @Test(arguments: OperatorCase.poolings) func topMeansAgreeWithSorting(testCase: OperatorCase) throws {
        let values = values(testCase)
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

    @Test(arguments: OperatorCase.convolutions.indices) func convolutionsAgreeWithALoop(index: Int) throws {
        let testCase = OperatorCase.convolutions[index]
        let transposed = testCase.name.hasPrefix("transposed")
        let values = values(testCase)
        let (map, weight) = (testCase.inputs[0], testCase.inputs[1])
        let (h, w, i) = (map[1], map[2], map[3])
        let (o, k) = (transposed ? weight[1] : weight[0], weight[2])
        let stride = transposed || testCase.name.hasSuffix("stride 2") ? 2 : 1
        let padding = transposed ? k / 2 : (k - 1) / 2
        let (outH, outW) = transposed ? (2 * h, 2 * w) : ((h + stride - 1) / stride, (w + stride - 1) / stride)
        var expected = [Double](repeating: 0, count: 2 * outH * outW * o)
        for element in expected.indices { expected[element] = Double(values[2][element % o]) }
        // Scatter or gather alike: small and large positions meet where large = small * stride + tap - padding.
        for item in 0..<2 {
            for smallY in 0..<(transposed ? h : outH) {
                for smallX in 0..<(transposed ? w : outW) {
                    for tap in 0..<k * k {
                        let (largeY, largeX) = (
                            smallY * stride + tap / k - padding, smallX * stride + tap % k - padding
                        )
                        guard (0..<(transposed ? outH : h)).contains(largeY),
                            (0..<(transposed ? outW : w)).contains(largeX)
                        else { continue }
                        let (fromY, fromX, toY, toX) =
                            transposed ? (smallY, smallX, largeY, largeX) : (largeY, largeX, smallY, smallX)
                        for inner in 0..<i {
                            for outer in 0..<o {
                                let (first, second) = transposed ? (inner, outer) : (outer, inner)
                                let taps = values[1][(first * weight[1] + second) * k * k + tap]
                                let x = values[0][((item * h + fromY) * w + fromX) * i + inner]
                                expected[((item * outH + toY) * outW + toX) * o + outer] += Double(taps) * Double(x)
                            }
                        }
                    }
                }
            }
        }
        expectClose(
            try run(testCase, values, threads: 2).output, expected.map { Float($0) }, absolute: 1e-5, relative: 1e-5,
            testCase.name)
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
