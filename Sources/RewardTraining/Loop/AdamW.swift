import Glibc
package import TensorCPU

/// The weights in training, their moments and their moving average.
///
/// Everything is computed in pieces whose size depends on nothing but the weights, and norms are added in the pieces'
/// order, so the bits do not depend on the threads.
package final class AdamW {
    /// One weight.
    package struct Slot {
        let name: String
        let count: Int
        /// The engine's memory.
        let values: UnsafeMutablePointer<Float>
        let mean: UnsafeMutablePointer<Float>
        let square: UnsafeMutablePointer<Float>
        let average: UnsafeMutablePointer<Float>
        /// Steps this weight has taken: it may sit out some stages.
        var steps = 0
    }

    private(set) var slots: [Slot]
    private let indices: [String: Int]
    private let config: OptimizerConfig
    private let engine: CPUEngine
    private static let piece = 1 << 14

    package init(
        _ variables: [(name: String, memory: UnsafeMutableBufferPointer<Float>)], config: OptimizerConfig,
        engine: CPUEngine
    ) {
        self.config = config
        self.engine = engine
        var slots: [Slot] = []
        for (name, memory) in variables {
            guard let values = memory.baseAddress else { continue }
            func zeros() -> UnsafeMutablePointer<Float> {
                let block = UnsafeMutablePointer<Float>.allocate(capacity: memory.count)
                block.initialize(repeating: 0, count: memory.count)
                return block
            }
            let slot = Slot(
                name: name, count: memory.count, values: values, mean: zeros(), square: zeros(), average: zeros())
            slot.average.update(from: values, count: memory.count)
            slots.append(slot)
        }
        self.slots = slots
        indices = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($0.element.name, $0.offset) })
    }

    deinit {
        for slot in slots {
            slot.mean.deallocate()
            slot.square.deallocate()
            slot.average.deallocate()
        }
    }

    /// A weight's gradient, and its factor of the learning rate.
    package struct Gradient {
        var name: String
        var values: UnsafeMutablePointer<Float>
        var factor: Double
    }

    private struct Piece {
        var slot: Int
        var gradient: Int
        var start: Int
        var count: Int
    }

    private func pieces(_ gradients: [Gradient]) -> [Piece] {
        gradients.enumerated().flatMap { number, gradient -> [Piece] in
            guard let slot = indices[gradient.name] else { return [] }
            let count = slots[slot].count
            return stride(from: 0, to: count, by: Self.piece).map {
                Piece(slot: slot, gradient: number, start: $0, count: min(Self.piece, count - $0))
            }
        }
    }

    /// Euclidean norm over all gradients; NaN or infinite if one of their values is.
    package func norm(_ gradients: [Gradient]) -> Double {
        let pieces = pieces(gradients)
        var sums = [Double](repeating: 0, count: pieces.count)
        sums.withUnsafeMutableBufferPointer { sums in
            let target = sums
            engine.parallel(pieces.count) { index in
                let piece = pieces[index]
                let values = gradients[piece.gradient].values + piece.start
                // Eight lanes: one would wait for itself at each addition.
                var lanes = SIMD8<Double>.zero
                var rest = 0.0
                let whole = piece.count / 8 * 8
                for start in stride(from: 0, to: whole, by: 8) {
                    let part = UnsafeRawPointer(values + start).loadUnaligned(as: SIMD8<Float>.self)
                    let wide = SIMD8<Double>(part)
                    lanes += wide * wide
                }
                for element in whole..<piece.count { rest += Double(values[element]) * Double(values[element]) }
                target[index] = lanes.sum() + rest
            }
        }
        return sums.reduce(0, +).squareRoot()
    }

    /// One step: moments, decay, weights, moving average.
    ///
    /// - Parameters:
    ///   - norm: of all gradients, for clipping.
    ///   - step: steps taken before, of all stages.
    package func update(_ gradients: [Gradient], norm: Double, rate: Double, step: Int) {
        let scale = config.clipNorm > 0 && norm > config.clipNorm ? Float(config.clipNorm / (norm + 1e-6)) : 1
        let decay = min(config.averageDecay, Double(1 + step) / Double(10 + step))
        for gradient in gradients {
            if let slot = indices[gradient.name] { slots[slot].steps += 1 }
        }
        let (slots, config, pieces) = (slots, config, pieces(gradients))
        engine.parallel(pieces.count) { index in
            let piece = pieces[index]
            let slot = slots[piece.slot]
            let rate = rate * gradients[piece.gradient].factor
            let (beta1, beta2) = (Float(config.beta1), Float(config.beta2))
            let first = 1 - pow(config.beta1, Double(slot.steps))
            let second = Float((1 - pow(config.beta2, Double(slot.steps))).squareRoot())
            let (pull, length) = (Float(1 - rate * config.weightDecay), Float(rate / first))
            let epsilon = Float(config.epsilon)
            let keep = Float(config.averageDecay == 0 ? 0 : decay)
            let g = gradients[piece.gradient].values + piece.start
            let (w, m) = (slot.values + piece.start, slot.mean + piece.start)
            let (v, a) = (slot.square + piece.start, slot.average + piece.start)
            for element in 0..<piece.count {
                let slope = g[element] * scale
                let mean = m[element] + (slope - m[element]) * (1 - beta1)
                let square = v[element] * beta2 + slope * slope * (1 - beta2)
                m[element] = mean
                v[element] = square
                let moved = w[element] * pull - length * (mean / (square.squareRoot() / second + epsilon))
                w[element] = moved
                a[element] = moved + keep * (a[element] - moved)
            }
        }
    }

    /// The moving average moves also for weights that had no gradient: they stay, and it goes towards them.
    package func settle(except gradients: [Gradient], step: Int) {
        guard config.averageDecay > 0 else { return }
        let moved = Set(gradients.map(\.name))
        let keep = Float(min(config.averageDecay, Double(1 + step) / Double(10 + step)))
        for slot in slots where slot.steps > 0 && !moved.contains(slot.name) {
            for element in 0..<slot.count {
                slot.average[element] = slot.values[element] + keep * (slot.average[element] - slot.values[element])
            }
        }
    }

    /// Exchanges the weights with their moving average; twice leaves everything as it was.
    package func exchange() {
        for slot in slots {
            for element in 0..<slot.count { swap(&slot.values[element], &slot.average[element]) }
        }
    }

    package func setSteps(_ steps: Int, of index: Int) { slots[index].steps = steps }
}
