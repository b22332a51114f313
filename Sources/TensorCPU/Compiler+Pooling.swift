import CKernels
import TensorGraph

/// Means of the largest values over positions, one piece of work per item: bits do not depend on the threads.
extension Compiler {
    mutating func topMean(_ index: Int, _ count: Int) -> Step {
        let input = graph.nodes[index].inputs[0]
        let shape = graph.shape(input)
        let (positions, channels) = (shape[1], shape[2])
        let (x, y, pool) = (location(input), location(Tensor(index: index)), engine.pool)
        if count == positions {
            return Step { frame in
                pool.parallel(shape[0]) { item, _ in
                    let (source, target) = (frame(x) + item * positions * channels, frame(y) + item * channels)
                    target.update(from: source, count: channels)
                    for row in 1..<max(positions, 1) {
                        rk_add(target, source + row * channels, target, Int64(channels))
                    }
                    rk_scale(target, 1 / Float(count), 0, target, Int64(channels))
                }
            }
        }
        let work = scratch(2 * count * engine.threads)
        return Step { frame in
            pool.parallel(shape[0]) { item, worker in
                let (source, target) = (frame(x) + item * positions * channels, frame(y) + item * channels)
                let top = TopValues(frame(work) + worker * 2 * count, count)
                for channel in 0..<channels {
                    target[channel] = top.take(source + channel, positions, stride: channels) ? top.mean : .nan
                }
            }
        }
    }

    mutating func topMeanGradient(_ index: Int, _ count: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let shape = graph.nodes[index].shape
        let (positions, channels) = (shape[1], shape[2])
        let (x, dy, dx) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let (pool, part) = (engine.pool, 1 / Float(count))
        let work = scratch(2 * count * engine.threads)
        return Step { frame in
            pool.parallel(shape[0]) { item, worker in
                let (source, target) = (
                    frame(x) + item * positions * channels, frame(dx) + item * positions * channels
                )
                let slope = frame(dy) + item * channels
                if count == positions {
                    for row in 0..<positions {
                        rk_scale(slope, part, 0, target + row * channels, Int64(channels))
                    }
                    return
                }
                target.update(repeating: 0, count: positions * channels)
                let top = TopValues(frame(work) + worker * 2 * count, count)
                for channel in 0..<channels {
                    let finite = top.take(source + channel, positions, stride: channels)
                    for rank in 0..<count {
                        target[top.position(rank) * channels + channel] = finite ? slope[channel] * part : .nan
                    }
                }
            }
        }
    }
}

/// The largest values of one channel in falling order, with their positions, in borrowed memory for `2 * count`.
private struct TopValues {
    private let values: UnsafeMutablePointer<Float>
    private let positions: UnsafeMutablePointer<Int32>
    private let count: Int

    init(_ memory: UnsafeMutablePointer<Float>, _ count: Int) {
        values = memory
        positions = UnsafeMutableRawPointer(memory + count).assumingMemoryBound(to: Int32.self)
        self.count = count
    }

    /// Picks from `total` values; false when one is NaN, which no order has a place for.
    func take(_ source: UnsafePointer<Float>, _ total: Int, stride: Int) -> Bool {
        var held = 0
        for index in 0..<total {
            let value = source[index * stride]
            if value.isNaN {
                for rank in 0..<count { positions[rank] = Int32(rank) }
                return false
            }
            // Strictly above: among equal values the first stays.
            if held == count, !(value > values[count - 1]) { continue }
            var rank = held < count ? held : count - 1
            while rank > 0, value > values[rank - 1] {
                (values[rank], positions[rank]) = (values[rank - 1], positions[rank - 1])
                rank -= 1
            }
            (values[rank], positions[rank]) = (value, Int32(index))
            held = min(held + 1, count)
        }
        return true
    }

    var mean: Float {
        var sum: Float = 0
        for rank in 0..<count { sum += values[rank] }
        return sum / Float(count)
    }

    func position(_ rank: Int) -> Int { Int(positions[rank]) }
}
