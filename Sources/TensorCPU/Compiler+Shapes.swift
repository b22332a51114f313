import CKernels
import TensorGraph

/// Steps that move values without computing.
extension Compiler {
    /// Elements before, on and after an axis.
    private func split(_ shape: Shape, _ axis: Int) -> (outer: Int, inner: Int) {
        (
            shape.dimensions.prefix(axis).reduce(1, *),
            shape.dimensions.dropFirst(axis + 1).reduce(1, *)
        )
    }

    func slice(_ index: Int, _ axis: Int, _ range: Range<Int>) -> Step {
        let input = graph.nodes[index].inputs[0]
        let from = graph.shape(input)
        let (outer, inner) = split(from, axis)
        let (x, y, pool) = (location(input), location(Tensor(index: index)), engine.pool)
        let block = range.count * inner
        return Step { frame in
            pool.parallelRows(outer, of: block) { row in
                (frame(y) + row * block)
                    .update(from: frame(x) + (row * from[axis] + range.lowerBound) * inner, count: block)
            }
        }
    }

    func pad(_ index: Int, _ axis: Int, _ before: Int, _ after: Int) -> Step {
        let input = graph.nodes[index].inputs[0]
        let extent = graph.shape(input)[axis]
        let (outer, inner) = split(graph.shape(input), axis)
        let (x, y, pool) = (location(input), location(Tensor(index: index)), engine.pool)
        return Step { frame in
            pool.parallelRows(outer, of: (before + extent + after) * inner) { row in
                let target = frame(y) + row * (before + extent + after) * inner
                target.update(repeating: 0, count: before * inner)
                (target + before * inner).update(from: frame(x) + row * extent * inner, count: extent * inner)
                (target + (before + extent) * inner).update(repeating: 0, count: after * inner)
            }
        }
    }

    func concatenate(_ index: Int, _ axis: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (outer, inner) = split(graph.nodes[index].shape, axis)
        let parts = inputs.map { (location($0), graph.shape($0)[axis] * inner) }
        let total = graph.nodes[index].shape[axis] * inner
        let (y, pool) = (location(Tensor(index: index)), engine.pool)
        return Step { frame in
            pool.parallelRows(outer, of: total) { row in
                var target = frame(y) + row * total
                for (part, count) in parts {
                    target.update(from: frame(part) + row * count, count: count)
                    target += count
                }
            }
        }
    }

    func broadcast(_ index: Int) -> Step {
        let input = graph.nodes[index].inputs[0]
        let count = graph.shape(input).count
        let repeats = graph.nodes[index].shape.count / count
        let (x, y, pool) = (location(input), location(Tensor(index: index)), engine.pool)
        return Step { frame in
            pool.parallel(repeats) { row, _ in (frame(y) + row * count).update(from: frame(x), count: count) }
        }
    }

    /// Adds runs of rows, then the runs' sums: how they are cut depends on shapes alone, so bits do not depend on the
    /// threads, and long sums keep their precision.
    mutating func sumLeading(_ index: Int) -> Step {
        let input = graph.nodes[index].inputs[0]
        let count = graph.nodes[index].shape.count
        let rows = graph.shape(input).count / count
        let (x, y, pool) = (location(input), location(Tensor(index: index)), engine.pool)
        let size = 1024
        let columns = (count + size - 1) / size
        let run = rows * count < 1 << 14 ? rows : max(64, Int(Double(rows).squareRoot().rounded(.up)))
        let runs = (rows + run - 1) / run
        let sums = runs > 1 ? scratch(runs * count) : y
        return Step { frame in
            pool.parallel(columns * runs) { piece, _ in
                let (column, part) = (piece % columns * size, piece / columns)
                let (first, width) = (part * run, min(size, count - column))
                rk_sum_rows(
                    frame(x) + first * count + column, Int64(min(run, rows - first)), Int64(width), Int64(count),
                    frame(sums) + part * count + column, 0)
            }
            if runs > 1 {
                rk_sum_rows(frame(sums), Int64(runs), Int64(count), Int64(count), frame(y), 0)
            }
        }
    }

    mutating func transposition(_ index: Int, _ permutation: [Int]) -> Step {
        let input = graph.nodes[index].inputs[0]
        let (from, to) = (graph.shape(input), graph.nodes[index].shape)
        var strides = [Int](repeating: 1, count: from.rank)
        for axis in (0..<max(from.rank - 1, 0)).reversed() { strides[axis] = strides[axis + 1] * from[axis + 1] }
        let steps = permutation.map { strides[$0] }
        let (x, y, pool) = (location(input), location(Tensor(index: index)), engine.pool)
        let (last, lastStep) = (to.last, steps.last ?? 1)
        let starts = rowStarts(of: to, steps)
        return Step { frame in
            let grain = max(1, (1 << 13) / last)
            pool.parallel((starts.count + grain - 1) / grain) { piece, _ in
                for row in piece * grain..<min((piece + 1) * grain, starts.count) {
                    let (source, target) = (frame(x) + starts[row], frame(y) + row * last)
                    if lastStep == 1 {
                        target.update(from: source, count: last)
                    } else {
                        for column in 0..<last { target[column] = source[column * lastStep] }
                    }
                }
            }
        }
    }

    /// Where each innermost row of a transposed value starts in the input: found once for all layers, whose shapes are the
    /// same.
    private mutating func rowStarts(of shape: Shape, _ steps: [Int]) -> [Int] {
        let key = [shape.dimensions, steps]
        if let known = transposedRows[key] { return known }
        let starts = (0..<shape.rows).map { row in
            var (rest, start) = (row, 0)
            for axis in (0..<max(shape.rank - 1, 0)).reversed() {
                start += rest % shape[axis] * steps[axis]
                rest /= shape[axis]
            }
            return start
        }
        transposedRows[key] = starts
        return starts
    }
}
