import TensorGraph

/// For one image, which input position each tap reads for each output position; -1 where it reads a zero.
///
/// A transposed convolution with stride s falls into s² phases of output positions that share their taps; a plain one
/// has one phase. Positions are element offsets.
final class ConvolutionTable {
    struct Phase {
        /// Indices of the kernel's taps that reach this phase.
        var taps: [Int32]
        /// `[taps, rows]`.
        var rowOffsets: [Int64]
        /// `[rows]`.
        var outputOffsets: [Int64]
        var rows: Int
    }

    struct Piece {
        var phase: Int
        var rows: Range<Int>
    }

    let phases: [Phase]

    init(_ key: CPUEngine.TableKey) {
        let geometry = key.geometry
        let step = key.transposed ? geometry.stride : 1
        var phases: [Phase] = []
        for phaseY in 0..<min(step, geometry.outputHeight) {
            for phaseX in 0..<min(step, geometry.outputWidth) {
                let rows = stride(from: phaseY, to: geometry.outputHeight, by: step)
                    .flatMap { y in stride(from: phaseX, to: geometry.outputWidth, by: step).map { x in (y, x) } }
                phases.append(Self.phase(rows, key))
            }
        }
        self.phases = phases
    }

    private static func phase(_ rows: [(Int, Int)], _ key: CPUEngine.TableKey) -> Phase {
        let geometry = key.geometry
        func source(_ position: Int, _ tap: Int, _ extent: Int) -> Int? {
            if key.transposed {
                let scaled = position + geometry.padding - tap
                guard scaled % geometry.stride == 0 else { return nil }
                let found = scaled / geometry.stride
                return (0..<extent).contains(found) ? found : nil
            }
            let found = position * geometry.stride + tap - geometry.padding
            return (0..<extent).contains(found) ? found : nil
        }
        var taps: [Int32] = []
        var offsets: [Int64] = []
        for tapY in 0..<geometry.kernelHeight {
            for tapX in 0..<geometry.kernelWidth {
                var column: [Int64] = []
                column.reserveCapacity(rows.count)
                for (y, x) in rows {
                    if let sourceY = source(y, tapY, key.inputHeight), let sourceX = source(x, tapX, key.inputWidth) {
                        column.append(Int64((sourceY * key.inputWidth + sourceX) * key.inputChannels))
                    } else {
                        column.append(-1)
                    }
                }
                if column.contains(where: { $0 >= 0 }) {
                    taps.append(Int32(tapY * geometry.kernelWidth + tapX))
                    offsets += column
                }
            }
        }
        if taps.isEmpty {
            // Nothing reaches this phase: one tap of zeros still writes bias and epilogue.
            taps = [0]
            offsets = [Int64](repeating: -1, count: rows.count)
        }
        return Phase(
            taps: taps, rowOffsets: offsets,
            outputOffsets: rows.map { Int64(($0 * geometry.outputWidth + $1) * key.outputChannels) },
            rows: rows.count)
    }

    /// Runs of rows for the threads to share.
    func pieces(threads: Int, batch: Int) -> [Piece] {
        phases.indices.flatMap { phase in
            let rows = phases[phase].rows
            let wanted = (threads * 2 + batch - 1) / batch
            let split = RowSplit(rows, pieces: max(min(wanted, rows / 24), (rows + 383) / 384), multipleOf: 1)
            return (0..<split.pieces).map { Piece(phase: phase, rows: split[$0]) }
        }
    }
}
