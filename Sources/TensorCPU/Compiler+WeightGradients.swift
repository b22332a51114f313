import CKernels
import TensorGraph

/// Gradients of weights: products whose depth is all rows of a batch.
extension Compiler {
    /// `dyᵀ x` over all rows.
    mutating func linearWeightGradient(_ index: Int) -> Step {
        let inputs = graph.nodes[index].inputs
        let (rows, width) = (graph.shape(inputs[0]).rows, graph.shape(inputs[0]).last)
        let depth = graph.shape(inputs[1]).last
        let (dy, x, target) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let packedCount = Int(rk_packed_count(Int64(rows), Int64(depth)))
        let work = scratch(packedCount + rows * width)
        let pool = engine.pool
        let split = ProductSplit(rows: width, width: depth, threads: engine.threads)
        return Step { frame in
            let packed = frame(work)
            let swapped = packed + packedCount
            WeightPacking([rows, depth], .transposedLinear).pack(frame(x), into: packed, pool)
            transpose(frame(dy), rows, width, into: swapped, pool)
            pool.parallel(split.pieces) { piece, _ in
                let (range, panels) = split[piece]
                var none = rk_epilogue()
                rk_gemm(
                    swapped, Int64(rows), packed, Int64(rows), Int64(depth), frame(target), Int64(depth),
                    Int64(range.lowerBound), Int64(range.upperBound), Int64(panels.lowerBound),
                    Int64(panels.upperBound), &none)
            }
        }
    }

    /// `[O, I, kh, kw]` of a convolution whose weight is small beside the batch takes pieces of rows, others take taps.
    mutating func convolutionWeightGradient(_ index: Int, _ geometry: Convolution) -> Step {
        graph.nodes[index].shape.count <= 1 << 19
            ? convolutionWeightGradientByRows(index, geometry) : convolutionWeightGradientByTaps(index, geometry)
    }

    /// Each piece of rows makes a weight gradient of its own, all taps at once; these are then added in order. How rows
    /// are cut depends on shapes alone, so the bits do not depend on the threads.
    private mutating func convolutionWeightGradientByRows(_ index: Int, _ geometry: Convolution) -> Step {
        let inputs = graph.nodes[index].inputs
        let (map, out) = (graph.shape(inputs[0]), graph.shape(inputs[1]))
        let (x, dy, target) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let (rows, width) = (out.rows, out.last)
        let gather = TapGather(map: map, out: out, geometry: geometry)
        let (taps, columns) = (gather.taps, gather.columns)
        // Rows gathered at once: they stay in the second-level cache.
        let block = max(64, min(256, (1 << 17) / columns / 16 * 16))
        let blocks = (rows + block - 1) / block
        let perPiece = (blocks + 15) / 16
        let pieces = (blocks + perPiece - 1) / perPiece
        let size = width * columns
        let packedCount = Int(rk_packed_count(Int64(block), Int64(columns)))
        let perWorker = (packedCount + block * (columns + width) + size + 15) & ~15
        let work = scratch(pieces * size + perWorker * engine.threads)
        let pool = engine.pool
        let panels = WeightPacking.panelCount(columns)
        return Step { frame in
            let partials = frame(work)
            let (map, gradient) = (frame(x), frame(dy))
            pool.parallel(pieces) { piece, worker in
                let packed = partials + pieces * size + worker * perWorker
                let gathered = packed + packedCount
                let swapped = gathered + block * columns
                // The sum so far and the next one take turns, so that the last always lands in the piece's own place.
                let (own, other) = (partials + piece * size, swapped + block * width)
                let range = piece * perPiece..<min((piece + 1) * perPiece, blocks)
                for (step, index) in range.enumerated() {
                    let first = index * block
                    let count = min(block, rows - first)
                    gather.rows(first..<first + count, of: map, into: gathered)
                    rk_pack(
                        gathered, Int64(columns), 1, Int64(count), Int64(columns), packed, 0, Int64(panels))
                    rk_transpose(gradient + first * width, Int64(count), Int64(width), swapped, Int64(count))
                    let isOwn = (range.count - 1 - step) % 2 == 0
                    let (next, previous) = isOwn ? (own, other) : (other, own)
                    var tail = rk_epilogue()
                    if step > 0 {
                        tail.residual = UnsafePointer(previous)
                        tail.residual_stride = Int64(columns)
                    }
                    rk_gemm(
                        swapped, Int64(count), packed, Int64(count), Int64(columns), next, Int64(columns), 0,
                        Int64(width), 0, Int64(panels), &tail)
                }
            }
            let depth = columns / taps
            pool.parallel(width) { channel, _ in
                let sum = partials + channel * columns
                rk_sum_rows(sum + size, Int64(pieces - 1), Int64(columns), Int64(size), sum, 1)
                // [taps, I] to [I, taps].
                let result = frame(target) + channel * columns
                for tap in 0..<taps {
                    for input in 0..<depth { result[input * taps + tap] = sum[tap * depth + input] }
                }
            }
        }
    }

    /// One product per tap: `dyᵀ` times the map's rows that the tap reads.
    private mutating func convolutionWeightGradientByTaps(_ index: Int, _ geometry: Convolution) -> Step {
        let inputs = graph.nodes[index].inputs
        let (map, out) = (graph.shape(inputs[0]), graph.shape(inputs[1]))
        let (x, dy, target) = (location(inputs[0]), location(inputs[1]), location(Tensor(index: index)))
        let (rows, width, depth) = (out.rows, out.last, map.last)
        let gather = TapGather(map: map, out: out, geometry: geometry)
        let taps = gather.taps
        let packedCount = Int(rk_packed_count(Int64(rows), Int64(depth)))
        let work = scratch(packedCount + rows * width + rows * depth + width * depth)
        let pool = engine.pool
        let split = ProductSplit(rows: width, width: depth, threads: engine.threads)
        return Step { frame in
            let packed = frame(work)
            let swapped = packed + packedCount
            let gathered = swapped + rows * width
            let result = gathered + rows * depth
            transpose(frame(dy), rows, width, into: swapped, pool)
            for tap in 0..<taps {
                let lines = (rows + 63) / 64
                pool.parallel(lines) { line, _ in
                    for row in line * 64..<min(line * 64 + 64, rows) {
                        gather.row(row, tap, of: frame(x), into: gathered + row * depth)
                    }
                }
                WeightPacking([rows, depth], .transposedLinear).pack(gathered, into: packed, pool)
                pool.parallel(split.pieces) { piece, _ in
                    let (range, panels) = split[piece]
                    var none = rk_epilogue()
                    rk_gemm(
                        swapped, Int64(rows), packed, Int64(rows), Int64(depth), result, Int64(depth),
                        Int64(range.lowerBound), Int64(range.upperBound), Int64(panels.lowerBound),
                        Int64(panels.upperBound), &none)
                }
                pool.parallel(width) { channel, _ in
                    let (source, goal) = (result + channel * depth, frame(target) + channel * depth * taps + tap)
                    for input in 0..<depth { goal[input * taps] = source[input] }
                }
            }
        }
    }
}

/// Which rows of a convolution's map each row of its output reads.
private struct TapGather {
    private let (height, width, depth): (Int, Int, Int)
    private let (outHeight, outWidth): (Int, Int)
    private let geometry: Convolution
    let taps: Int
    /// Floats that one output row reads.
    let columns: Int

    init(map: Shape, out: Shape, geometry: Convolution) {
        (height, width, depth) = (map[1], map[2], map[3])
        (outHeight, outWidth) = (out[1], out[2])
        self.geometry = geometry
        taps = geometry.kernelHeight * geometry.kernelWidth
        columns = taps * map[3]
    }

    /// Rows `[count, taps, I]`.
    func rows(_ range: Range<Int>, of x: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>) {
        var target = target
        for row in range {
            for tap in 0..<taps {
                self.row(row, tap, of: x, into: target)
                target += depth
            }
        }
    }

    @inline(__always)
    func row(_ row: Int, _ tap: Int, of x: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>) {
        let (column, line) = (row % outWidth, row / outWidth)
        let (y, item) = (line % outHeight, line / outHeight)
        let sourceY = y * geometry.stride + tap / geometry.kernelWidth - geometry.padding
        let sourceX = column * geometry.stride + tap % geometry.kernelWidth - geometry.padding
        if sourceY >= 0, sourceY < height, sourceX >= 0, sourceX < width {
            target.update(from: x + ((item * height + sourceY) * width + sourceX) * depth, count: depth)
        } else {
            target.update(repeating: 0, count: depth)
        }
    }
}

/// Transposes rows in pieces that the threads share.
private func transpose(
    _ x: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, into y: UnsafeMutablePointer<Float>,
    _ pool: ThreadPool
) {
    let grain = max(16, (1 << 14) / columns / 16 * 16)
    pool.parallel((rows + grain - 1) / grain) { piece, _ in
        let first = piece * grain
        rk_transpose(x + first * columns, Int64(min(grain, rows - first)), Int64(columns), y + first, Int64(rows))
    }
}
