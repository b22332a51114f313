import CKernels
import TensorGraph

/// 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): a quarter of the products.
extension Compiler {
    /// Below this many input channels the transforms cost more than they save.
    private static let fewestInputs = 16

    /// Below this many tiles of a map, weights that leave the cache take longer to read, four times as large as they are
    /// when transformed, than the products that they save.
    private static let fewestTiles = 32
    private static let mostCachedWeights = 1 << 18

    /// Whether a convolution goes this way: a matter of its own shape, so that no batch changes its bits.
    ///
    /// - Parameter output: the result's shape, `[batch, height, width, channels]`.
    func usesWinograd(_ geometry: Convolution, inputs: Int, output: Shape) -> Bool {
        !exactConvolutions && geometry.kernelHeight == 3 && geometry.kernelWidth == 3 && geometry.stride == 1
            && inputs >= Self.fewestInputs
            && (inputs * output[3] < Self.mostCachedWeights
                || (output[1] + 3) / 4 * ((output[2] + 3) / 4) >= Self.fewestTiles)
    }

    /// A transposed convolution of stride 1 is a plain one with the taps in reverse.
    mutating func winograd(_ index: Int, _ geometry: Convolution, transposed: Bool) throws(EngineError) -> Step {
        let node = graph.nodes[fusion[index]?.product ?? index]
        let (x, weight) = (node.inputs[0], node.inputs[1])
        let (shape, out) = (graph.shape(x), node.shape)
        let map = rk_winograd_map(
            height: Int64(shape[1]), width: Int64(shape[2]), inputs: Int64(shape[3]),
            out_height: Int64(out[1]), out_width: Int64(out[2]), outputs: Int64(out[3]),
            padding: Int64(transposed ? 2 - geometry.padding : geometry.padding))
        let zeros = FloatBuffer(count: shape[3])
        zeros.pointer.update(repeating: 0, count: shape[3])
        retain(zeros)
        let zeroRow = zeros.pointer
        let split = WinogradSplit(map, batch: shape[0], threads: engine.threads)
        let perWorker = (split.scratch(map) + 15) & ~15
        let (packed, work, prepare) = try packedWeight(
            weight, transposed ? .transposedWinograd : .winograd, workspace: perWorker * engine.threads)
        let (source, target) = (location(x), location(Tensor(index: index)))
        let epilogue = epilogue(index)
        let pool = engine.pool
        let (inputCount, outputCount) = (shape.count / shape[0], out.count / shape[0])
        return Step { frame in
            prepare?(frame)
            let (base, weights, c, scratch) = (frame(source), frame(packed), frame(target), frame(work))
            let tail = epilogue(frame, 0)
            pool.parallel(split.pieces) { piece, worker in
                let (item, tiles, panels) = split[piece]
                var (map, tail) = (map, tail)
                tail.residual = tail.residual.map { $0 + item * outputCount }
                rk_winograd(
                    &map, base + item * inputCount, zeroRow, weights, c + item * outputCount,
                    Int64(tiles.lowerBound), Int64(tiles.upperBound), Int64(panels.lowerBound),
                    Int64(panels.upperBound), scratch + worker * perWorker, &tail)
            }
        }
    }
}

/// How a batch of maps is cut into pieces: by tiles, and by panels of channels when tiles are few.
private struct WinogradSplit {
    /// Tiles of a piece: few enough that their points stay in the second-level cache, but where the weights are larger
    /// than that, enough to read them seldom.
    private static func mostTiles(_ map: rk_winograd_map) -> Int { map.inputs + map.outputs > 512 ? 98 : 56 }

    let pieces: Int
    private let tiles: Int
    private let tilesPerPiece: Int
    private let blocks: Int
    private let panels: Int
    private let panelsPerPiece: Int
    private let batch: Int

    init(_ map: rk_winograd_map, batch: Int, threads: Int) {
        var map = map
        self.batch = batch
        tiles = Int(rk_winograd_tiles(&map))
        let most = Self.mostTiles(map)
        let fewest = (tiles + most - 1) / most
        tilesPerPiece = (tiles + fewest - 1) / fewest
        blocks = (tiles + tilesPerPiece - 1) / tilesPerPiece
        panels = WeightPacking.panelCount(Int(map.outputs))
        let wanted = threads == 1 ? 1 : threads * 2
        let groups = max(1, min(panels, (wanted + blocks * batch - 1) / (blocks * batch)))
        panelsPerPiece = (panels + groups - 1) / groups
        pieces = batch * blocks * ((panels + panelsPerPiece - 1) / panelsPerPiece)
    }

    /// Floats that a piece works in.
    func scratch(_ map: rk_winograd_map) -> Int {
        var map = map
        return Int(rk_winograd_scratch(&map, Int64(tilesPerPiece), Int64(panelsPerPiece)))
    }

    subscript(piece: Int) -> (item: Int, tiles: Range<Int>, panels: Range<Int>) {
        let (block, rest) = (piece % blocks, piece / blocks)
        let (item, group) = (rest % batch, rest / batch)
        return (
            item, block * tilesPerPiece..<min((block + 1) * tilesPerPiece, tiles),
            group * panelsPerPiece..<min((group + 1) * panelsPerPiece, panels)
        )
    }
}
