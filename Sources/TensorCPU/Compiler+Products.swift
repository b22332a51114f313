import CKernels
import TensorGraph

extension Activation {
    var kernelCode: Int32 {
        switch self {
        case .relu: Int32(RK_RELU.rawValue)
        case .gelu: Int32(RK_GELU_ERF.rawValue)
        case .geluTanh: Int32(RK_GELU_TANH.rawValue)
        case .sigmoid: Int32(RK_SIGMOID.rawValue)
        case .softplus: Int32(RK_SOFTPLUS.rawValue)
        }
    }
}

/// Convolutions, and what is fused into products.
extension Compiler {
    /// A weight's packed form: made now for a parameter, at each run for any other value. With it, working memory.
    mutating func packedWeight(
        _ weight: Tensor, _ packing: Packing, _ precision: Precision = .float32, workspace: Int = 0
    ) throws(EngineError) -> (location: Location, workspace: Location, prepare: ((Frame) -> Void)?) {
        let shape = graph.shape(weight)
        if let name = parameterName(weight) {
            let packed = try engine.parameters.packed(name, shape, packing, precision)
            return (.fixed(packed), scratch(workspace), nil)
        }
        let memory = scratch([WeightPacking(shape, packing).count, workspace])
        let (source, target, pool) = (location(weight), memory[0], engine.pool)
        let prepare = { (frame: Frame) in
            WeightPacking(shape, packing).pack(frame(source), into: frame(target), pool)
        }
        return (target, memory[1], prepare)
    }

    func epilogue(_ index: Int, biasPosition: Int = 2) -> (Frame, Int) -> rk_epilogue {
        let fusion = fusion[index] ?? Fusion(product: index)
        let inputs = graph.nodes[fusion.product].inputs
        let bias = inputs.count > biasPosition ? location(inputs[biasPosition]) : nil
        let residual = fusion.residual.map { location($0) }
        let code = fusion.activation?.kernelCode ?? Int32(RK_NONE.rawValue)
        return { frame, stride in
            rk_epilogue(
                bias: bias.map { UnsafePointer(frame($0)) }, residual: residual.map { UnsafePointer(frame($0)) },
                residual_stride: Int64(stride), activation: code)
        }
    }

    mutating func convolution(
        _ index: Int, _ geometry: Convolution, transposed: Bool
    ) throws(EngineError) -> Step {
        let node = graph.nodes[fusion[index]?.product ?? index]
        let (x, weight) = (node.inputs[0], node.inputs[1])
        let (map, out) = (graph.shape(x), node.shape)
        if usesWinograd(geometry, inputs: map[3], output: out) {
            return try winograd(index, geometry, transposed: transposed)
        }
        let table = engine.table(
            .init(
                geometry: geometry, transposed: transposed, inputHeight: map[1], inputWidth: map[2],
                inputChannels: map[3], outputChannels: out[3]))
        // A stem reads pixels, whose fine differences are what scores depend on: strided convolutions stay float32.
        let isStem = !transposed && geometry.stride > 1
        let precision =
            parameterName(weight) == nil || isStem
            ? .float32 : engine.precision.forConvolution(depth: map[3], width: out[3])
        let (packed, _, prepare) = try packedWeight(
            weight, transposed ? .transposedConvolution : .convolution, precision)
        let code = precision.kernelCode
        let zeros = FloatBuffer(count: map[3])
        zeros.pointer.update(repeating: 0, count: map[3])
        retain(zeros)
        let (source, target) = (location(x), location(Tensor(index: index)))
        let epilogue = epilogue(index)
        let (pool, batch) = (engine.pool, map[0])
        let (inputCount, outputCount) = (map.count / batch, out.count / batch)
        let (depth, width) = (map[3], out[3])
        let pieces = table.pieces(threads: engine.threads, batch: batch)
        let panels = WeightPacking.panelCount(width)
        let zeroRow = zeros.pointer
        return Step { frame in
            prepare?(frame)
            let (base, b, c) = (frame(source), frame(packed), frame(target))
            let tail = epilogue(frame, width)
            pool.parallel(pieces.count * batch) { piece, _ in
                let (item, part) = (piece / pieces.count, pieces[piece % pieces.count])
                let phase = table.phases[part.phase]
                var tail = tail
                tail.residual = tail.residual.map { $0 + item * outputCount }
                rk_gemm_indirect_as(
                    code, base + item * inputCount, phase.rowOffsets, Int64(phase.rows), zeroRow,
                    Int64(phase.taps.count),
                    phase.taps, b, Int64(depth), Int64(width), c + item * outputCount, phase.outputOffsets,
                    Int64(part.rows.lowerBound), Int64(part.rows.upperBound), 0, Int64(panels), &tail)
            }
        }
    }
}

/// How a product is cut into pieces: by rows, and by panels of columns when rows are few.
struct ProductSplit {
    private let rows: RowSplit
    private let panels: Int
    private let panelsPerPiece: Int
    let pieces: Int

    init(rows: Int, width: Int, threads: Int) {
        panels = WeightPacking.panelCount(width)
        let wanted = threads * 2
        // 192 rows keep a block of depth in the second-level cache; under 48 a panel is read too often.
        self.rows = RowSplit(
            rows, pieces: max(min(wanted, rows / 48), (rows + 191) / 192), multipleOf: rows > 48 ? threads : 1)
        let columnPieces = threads == 1 ? 1 : max(1, min(panels, (wanted + self.rows.pieces - 1) / self.rows.pieces))
        panelsPerPiece = (panels + columnPieces - 1) / columnPieces
        pieces = self.rows.pieces * ((panels + panelsPerPiece - 1) / panelsPerPiece)
    }

    subscript(piece: Int) -> (rows: Range<Int>, panels: Range<Int>) {
        let (row, column) = (piece % rows.pieces, piece / rows.pieces)
        return (rows[row], column * panelsPerPiece..<min((column + 1) * panelsPerPiece, panels))
    }
}

/// Rows cut into pieces of whole tiles, as even as those allow: the threads finish together.
struct RowSplit {
    /// A kernel's tile.
    private static let tile = 6

    private let rows: Int
    private let tiles: Int
    let pieces: Int

    /// - Parameters:
    ///   - pieces: at least so many, unless there are fewer tiles.
    ///   - multipleOf: as many for each of so many threads.
    init(_ rows: Int, pieces: Int, multipleOf threads: Int) {
        self.rows = rows
        tiles = (rows + Self.tile - 1) / Self.tile
        self.pieces = max(1, min(tiles, (max(pieces, 1) + threads - 1) / threads * threads))
    }

    subscript(piece: Int) -> Range<Int> {
        piece * tiles / pieces * Self.tile..<min((piece + 1) * tiles / pieces * Self.tile, rows)
    }
}
