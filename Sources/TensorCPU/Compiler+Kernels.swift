import CKernels
import TensorGraph

/// One step per operator.
extension Compiler {
    mutating func kernel(_ index: Int) throws(EngineError) -> Step {
        let operation = graph.nodes[fusion[index]?.product ?? index].operation
        switch operation {
        case .linear(let transposed): return try linear(index, transposed: transposed)
        case .convolution(let geometry): return try convolution(index, geometry, transposed: false)
        case .transposedConvolution(let geometry): return try convolution(index, geometry, transposed: true)
        case .attention(let options): return attention(index, options)
        case .attentionGradient(let options): return attentionGradient(index, options)
        case .attentionBiasGradient(let options): return attentionBiasGradient(index, options)
        case .linearWeightGradient: return linearWeightGradient(index)
        case .convolutionWeightGradient(let geometry): return convolutionWeightGradient(index, geometry)
        case .norm(let norm): return self.norm(index, norm)
        case .normGradient(let norm): return normGradient(index, norm)
        case .activation(let kind): return activation(index, kind)
        case .activationGradient(let kind): return activationGradient(index, kind)
        case .add: return binary(index, rk_add)
        case .multiply: return binary(index, rk_mul)
        case .affine(let factor, let offset):
            let (x, y) = (location(graph.nodes[index].inputs[0]), location(Tensor(index: index)))
            return ranged(index) { frame, start, count in
                rk_scale(frame(x) + start, factor, offset, frame(y) + start, Int64(count))
            }
        case .reciprocal:
            let (x, y) = (location(graph.nodes[index].inputs[0]), location(Tensor(index: index)))
            return ranged(index) { frame, start, count in
                let (source, target) = (frame(x) + start, frame(y) + start)
                for element in 0..<count { target[element] = 1 / source[element] }
            }
        case .crossEntropy: return crossEntropy(index)
        case .crossEntropyGradient: return crossEntropyGradient(index)
        case .transpose(let permutation): return transposition(index, permutation)
        case .slice(let axis, let range): return slice(index, axis, range)
        case .pad(let axis, let before, let after): return pad(index, axis, before, after)
        case .concatenate(let axis): return concatenate(index, axis)
        case .broadcast: return broadcast(index)
        case .sumLeading: return sumLeading(index)
        case .topMean(let count): return topMean(index, count)
        case .topMeanGradient(let count): return topMeanGradient(index, count)
        case .embedding: return embedding(index)
        case .embeddingGradient: return embeddingGradient(index)
        case .append: return append(index)
        case .input, .parameter, .constant, .integerConstant, .reshape:
            preconditionFailure("\(operation) needs no step")
        }
    }

    /// An elementwise step over pieces of the result.
    private func ranged(_ index: Int, _ body: @escaping (Frame, _ start: Int, _ count: Int) -> Void) -> Step {
        let (count, pool) = (graph.nodes[index].shape.count, engine.pool)
        let size = 1 << 15
        let pieces = (count + size - 1) / size
        return Step { frame in
            pool.parallel(pieces) { piece, _ in body(frame, piece * size, min(size, count - piece * size)) }
        }
    }

    /// A step over pieces of the result's innermost rows.
    private func rowwise(_ index: Int, _ body: @escaping (Frame, _ start: Int, _ rows: Int) -> Void) -> Step {
        let (shape, pool) = (graph.nodes[index].shape, engine.pool)
        let size = max(1, (1 << 13) / shape.last)
        let pieces = (shape.rows + size - 1) / size
        return Step { frame in
            pool.parallel(pieces) { piece, _ in body(frame, piece * size, min(size, shape.rows - piece * size)) }
        }
    }

    // MARK: Norms and elementwise functions

    private func norm(_ index: Int, _ norm: Norm) -> Step {
        let inputs = graph.nodes[index].inputs
        let (x, y, last) = (location(inputs[0]), location(Tensor(index: index)), graph.nodes[index].shape.last)
        let scale = norm.hasScale ? location(inputs[1]) : nil
        let shift = norm.hasShift ? location(inputs[norm.hasScale ? 2 : 1]) : nil
        return rowwise(index) { frame, start, rows in
            let (source, target) = (frame(x) + start * last, frame(y) + start * last)
            let gamma = scale.map { UnsafePointer(frame($0)) }
            switch norm.kind {
            case .layer:
                rk_layer_norm(
                    source, target, Int64(rows), Int64(last), gamma, shift.map { UnsafePointer(frame($0)) },
                    norm.epsilon)
            case .rms: rk_rms_norm(source, target, Int64(rows), Int64(last), gamma, norm.epsilon)
            }
        }
    }

    private func normGradient(_ index: Int, _ norm: Norm) -> Step {
        let inputs = graph.nodes[index].inputs
        let (x, dy, dx) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let last = graph.nodes[index].shape.last
        let scale = norm.hasScale ? location(inputs[2]) : nil
        return rowwise(index) { frame, start, rows in
            let offset = start * last
            let gamma = scale.map { UnsafePointer(frame($0)) }
            let gradient = norm.kind == .layer ? rk_layer_norm_grad : rk_rms_norm_grad
            gradient(
                frame(x) + offset, frame(dy) + offset, frame(dx) + offset, Int64(rows), Int64(last), gamma,
                norm.epsilon)
        }
    }

    private func activation(_ index: Int, _ kind: Activation) -> Step {
        let (x, y) = (location(graph.nodes[index].inputs[0]), location(Tensor(index: index)))
        return ranged(index) { frame, start, count in
            rk_activate(frame(x) + start, frame(y) + start, Int64(count), kind.kernelCode)
        }
    }

    private func activationGradient(_ index: Int, _ kind: Activation) -> Step {
        let inputs = graph.nodes[index].inputs
        let (x, dy, dx) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        return ranged(index) { frame, start, count in
            rk_activate_grad(frame(x) + start, frame(dy) + start, frame(dx) + start, Int64(count), kind.kernelCode)
        }
    }

    private func binary(
        _ index: Int,
        _ function:
            @escaping (UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int64) -> Void
    ) -> Step {
        let inputs = graph.nodes[index].inputs
        let (a, b, y) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let period = graph.shape(inputs[1]).count
        if period == graph.nodes[index].shape.count {
            return ranged(index) { frame, start, count in
                function(frame(a) + start, frame(b) + start, frame(y) + start, Int64(count))
            }
        }
        let (pool, repeats) = (engine.pool, graph.nodes[index].shape.count / period)
        return Step { frame in
            let grain = max(1, (1 << 15) / period)
            pool.parallel((repeats + grain - 1) / grain) { piece, _ in
                for row in piece * grain..<min((piece + 1) * grain, repeats) {
                    function(frame(a) + row * period, frame(b), frame(y) + row * period, Int64(period))
                }
            }
        }
    }

    // MARK: Losses

    private func crossEntropy(_ index: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (x, classes, y) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let (vocabulary, rows, pool) = (graph.shape(inputs[0]).last, graph.shape(inputs[1]).count, engine.pool)
        return Step { frame in
            let targets = frame.integers(classes)
            for row in 0..<rows {
                precondition((0..<vocabulary).contains(Int(targets[row])), "class \(targets[row]) of \(vocabulary)")
            }
            pool.parallel(rows) { row, _ in
                rk_cross_entropy_rows(
                    frame(x) + row * vocabulary, targets + row, frame(y) + row, 1, Int64(vocabulary))
            }
        }
    }

    /// `dy (softmax(x) - onehot)`.
    private func crossEntropyGradient(_ index: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (x, classes, dy) = (location(inputs[0]), location(inputs[1]), location(inputs[2]))
        let dx = location(Tensor(index: index))
        let (vocabulary, rows, pool) = (graph.shape(inputs[0]).last, graph.shape(inputs[1]).count, engine.pool)
        return Step { frame in
            pool.parallel(rows) { row, _ in
                let (target, slope) = (frame(dx) + row * vocabulary, frame(dy)[row])
                rk_softmax_rows(frame(x) + row * vocabulary, target, 1, Int64(vocabulary), Int64(vocabulary))
                rk_scale(target, slope, 0, target, Int64(vocabulary))
                target[Int(frame.integers(classes)[row])] -= slope
            }
        }
    }

    // MARK: Look-ups

    private func embedding(_ index: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (table, rows, y) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let (width, vocabulary) = (graph.nodes[index].shape.last, graph.shape(inputs[0])[0])
        return rowwise(index) { frame, start, count in
            for row in start..<start + count {
                let entry = Int(frame.integers(rows)[row])
                precondition((0..<vocabulary).contains(entry), "index \(entry) outside the table's \(vocabulary) rows")
                (frame(y) + row * width).update(from: frame(table) + entry * width, count: width)
            }
        }
    }

    private func embeddingGradient(_ index: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (rows, dy, table) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let (shape, count) = (graph.nodes[index].shape, graph.shape(inputs[0]).count)
        return Step { frame in
            frame(table).update(repeating: 0, count: shape.count)
            for row in 0..<count {
                let target = frame(table) + Int(frame.integers(rows)[row]) * shape.last
                rk_add(target, frame(dy) + row * shape.last, target, Int64(shape.last))
            }
        }
    }

    private func append(_ index: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (cache, rows, position) = (location(inputs[0]), location(inputs[1]), location(inputs[2]))
        let shape = graph.nodes[index].shape
        return Step { frame in
            let at = Int(frame.integers(position)[0])
            precondition((0..<shape[1]).contains(at), "position \(at) outside a cache of \(shape[1])")
            for item in 0..<shape[0] {
                (frame(cache) + (item * shape[1] + at) * shape[2])
                    .update(from: frame(rows) + item * shape[2], count: shape[2])
            }
        }
    }
}
