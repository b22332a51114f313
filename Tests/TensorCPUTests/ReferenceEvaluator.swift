import Glibc
import TensorGraph

/// Evaluates a graph as its operators are defined: plain loops in double precision, sharing nothing with the engine.
struct ReferenceEvaluator {
    let graph: Graph
    /// Values of the inputs by name.
    let inputs: [String: [Double]]

    func value(of output: Tensor) -> [Double] {
        let live = graph.live(from: [output])
        var values = [[Double]](repeating: [], count: graph.nodes.count)
        for index in graph.nodes.indices where live[index] {
            let node = graph.nodes[index]
            values[index] = evaluate(
                node, node.inputs.map { values[$0.index] }, node.inputs.map { graph.shape($0) })
        }
        return values[output.index]
    }

    private func evaluate(_ node: Node, _ x: [[Double]], _ shapes: [Shape]) -> [Double] {
        switch node.operation {
        case .input(let name):
            guard let values = inputs[name] else { preconditionFailure("no input \(name)") }
            return values
        case .constant(let values): return values.map(Double.init)
        case .integerConstant(let values): return values.map(Double.init)
        case .linear(let transposed): return linear(x, shapes, transposed: transposed)
        case .attention(let options): return attention(x, shapes, options)
        case .convolution(let geometry): return convolution(x, shapes, geometry, node.shape, transposed: false)
        case .transposedConvolution(let geometry):
            return convolution(x, shapes, geometry, node.shape, transposed: true)
        case .norm(let norm): return normalise(x, shapes[0].last, norm)
        case .activation(let kind): return x[0].map { activate($0, kind) }
        case .add: return x[0].indices.map { x[0][$0] + x[1][$0 % x[1].count] }
        case .multiply: return x[0].indices.map { x[0][$0] * x[1][$0 % x[1].count] }
        case .reciprocal: return x[0].map { 1 / $0 }
        case .crossEntropy:
            let width = shapes[0].last
            return x[1].enumerated().map { row, target in
                let logits = x[0][row * width..<(row + 1) * width]
                return log(logits.reduce(0) { $0 + exp($1) }) - logits[row * width + Int(target)]
            }
        case .affine(let factor, let offset): return x[0].map { $0 * Double(factor) + Double(offset) }
        case .reshape: return x[0]
        case .transpose(let permutation):
            return elements(node.shape) { position in
                var from = position
                for (axis, source) in permutation.enumerated() { from[source] = position[axis] }
                return x[0][offset(from, shapes[0])]
            }
        case .slice(let axis, let range):
            return elements(node.shape) { position in
                var from = position
                from[axis] += range.lowerBound
                return x[0][offset(from, shapes[0])]
            }
        case .pad(let axis, let before, _):
            return elements(node.shape) { position in
                var from = position
                from[axis] -= before
                return (0..<shapes[0][axis]).contains(from[axis]) ? x[0][offset(from, shapes[0])] : 0
            }
        case .concatenate(let axis):
            return elements(node.shape) { position in
                var (from, part) = (position, 0)
                while from[axis] >= shapes[part][axis] {
                    from[axis] -= shapes[part][axis]
                    part += 1
                }
                return x[part][offset(from, shapes[part])]
            }
        case .broadcast: return (0..<node.shape.count).map { x[0][$0 % x[0].count] }
        case .sumLeading:
            var sums = [Double](repeating: 0, count: node.shape.count)
            for (index, value) in x[0].enumerated() { sums[index % sums.count] += value }
            return sums
        case .topMean(let count):
            let (positions, channels) = (shapes[0][1], shapes[0][2])
            return elements(node.shape) { position in
                let column = (0..<positions).map { x[0][(position[0] * positions + $0) * channels + position[1]] }
                return column.sorted(by: >).prefix(count).reduce(0, +) / Double(count)
            }
        case .embedding:
            let width = shapes[0][1]
            return x[1].flatMap { row in x[0][Int(row) * width..<(Int(row) + 1) * width] }
        case .append:
            var cache = x[0]
            let (batch, steps, width) = (shapes[0][0], shapes[0][1], shapes[0][2])
            for item in 0..<batch {
                for lane in 0..<width {
                    cache[(item * steps + Int(x[2][0])) * width + lane] = x[1][item * width + lane]
                }
            }
            return cache
        case .parameter, .linearWeightGradient, .attentionGradient, .convolutionWeightGradient, .normGradient,
            .activationGradient, .topMeanGradient, .embeddingGradient, .attentionBiasGradient, .crossEntropyGradient:
            preconditionFailure("the reference differentiates by differences: it never meets \(node.operation)")
        }
    }

    // MARK: Positions

    private func offset(_ position: [Int], _ shape: Shape) -> Int {
        zip(position, shape.dimensions).reduce(0) { $0 * $1.1 + $1.0 }
    }

    /// One value per position, row by row.
    private func elements(_ shape: Shape, _ value: ([Int]) -> Double) -> [Double] {
        (0..<shape.count).map { index in
            var (position, rest) = ([Int](repeating: 0, count: shape.rank), index)
            for axis in (0..<shape.rank).reversed() {
                position[axis] = rest % shape[axis]
                rest /= shape[axis]
            }
            return value(position)
        }
    }

    // MARK: Operators

    private func linear(_ x: [[Double]], _ shapes: [Shape], transposed: Bool) -> [Double] {
        let n = shapes[1][0]
        let k = shapes[1].count / n
        return (0..<shapes[0].rows).flatMap { row in
            (0..<(transposed ? k : n)).map { column in
                var sum = x.count > 2 ? x[2][column] : 0
                for inner in 0..<(transposed ? n : k) {
                    let weight = transposed ? x[1][inner * k + column] : x[1][column * k + inner]
                    sum += x[0][row * shapes[0].last + inner] * weight
                }
                return sum
            }
        }
    }

    private func attention(_ x: [[Double]], _ shapes: [Shape], _ options: AttentionOptions) -> [Double] {
        let (queries, width, keys) = (shapes[0][1], shapes[0][2], shapes[1][1])
        let size = width / options.heads
        return elements(shapes[0]) { position in
            let (item, query, head) = (position[0], position[1], position[2] / size)
            let count = options.hasKeyCounts ? Int(x[x.count - 1][item]) : keys
            let scores = (0..<count).map { key in
                let dot = (head * size..<(head + 1) * size).reduce(0.0) { sum, lane in
                    sum + x[0][(item * queries + query) * width + lane] * x[1][(item * keys + key) * width + lane]
                }
                let bias = options.hasBias ? x[3][(head * queries + query) * keys + key] : 0
                return Double(options.scale) * dot + bias
            }
            let top = scores.max() ?? 0
            let powers = scores.map { exp($0 - top) }
            let total = powers.reduce(0, +)
            return (0..<count).reduce(0.0) { sum, key in
                sum + powers[key] / total * x[2][(item * keys + key) * width + position[2]]
            }
        }
    }

    /// Small and large positions meet where large = small * stride + tap - padding.
    private func convolution(
        _ x: [[Double]], _ shapes: [Shape], _ geometry: Convolution, _ result: Shape, transposed: Bool
    ) -> [Double] {
        let (map, weight) = (shapes[0], shapes[1])
        let (small, large) = transposed ? (map, result) : (result, map)
        var sums = (0..<result.count).map { x.count > 2 ? x[2][$0 % result.last] : 0 }
        for item in 0..<map[0] {
            for (smallY, smallX) in pairs(small[1], small[2]) {
                for (tapY, tapX) in pairs(geometry.kernelHeight, geometry.kernelWidth) {
                    let largeY = smallY * geometry.stride + tapY - geometry.padding
                    let largeX = smallX * geometry.stride + tapX - geometry.padding
                    guard (0..<large[1]).contains(largeY), (0..<large[2]).contains(largeX) else { continue }
                    let (from, to) =
                        transposed ? ((smallY, smallX), (largeY, largeX)) : ((largeY, largeX), (smallY, smallX))
                    for (first, second) in pairs(weight[0], weight[1]) {
                        let (inner, outer) = transposed ? (first, second) : (second, first)
                        let tap = x[1][offset([first, second, tapY, tapX], weight)]
                        sums[offset([item, to.0, to.1, outer], result)] +=
                            tap * x[0][offset([item, from.0, from.1, inner], map)]
                    }
                }
            }
        }
        return sums
    }

    private func pairs(_ first: Int, _ second: Int) -> [(Int, Int)] {
        (0..<first * second).map { ($0 / second, $0 % second) }
    }

    private func normalise(_ x: [[Double]], _ width: Int, _ norm: Norm) -> [Double] {
        stride(from: 0, to: x[0].count, by: width).flatMap { start in
            let row = x[0][start..<start + width]
            let mean = norm.kind == .layer ? row.reduce(0, +) / Double(width) : 0
            let square = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            return row.enumerated().map { lane, value in
                let scaled = (value - mean) / (square + Double(norm.epsilon)).squareRoot()
                return (norm.hasScale ? x[1][lane] : 1) * scaled + (norm.hasShift ? x[x.count - 1][lane] : 0)
            }
        }
    }

    private func activate(_ x: Double, _ kind: Activation) -> Double {
        switch kind {
        case .relu: max(x, 0)
        case .gelu: x / 2 * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh: x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .sigmoid: 1 / (1 + exp(-x))
        case .softplus: log1p(exp(x))
        }
    }
}
