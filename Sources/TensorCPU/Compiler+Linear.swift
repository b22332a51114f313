import CKernels
import TensorGraph

/// Linear layers, with what is fused into them.
extension Compiler {
    mutating func linear(_ index: Int, transposed: Bool) throws(EngineError) -> Step {
        let node = graph.nodes[fusion[index]?.product ?? index]
        let (x, weight) = (node.inputs[0], node.inputs[1])
        let (depth, width) = (graph.shape(x).last, node.shape.last)
        let packing: Packing = transposed ? .transposedLinear : .linear
        let (source, target) = (location(x), location(Tensor(index: index)))
        let epilogue = epilogue(index)
        let (rows, pool) = (node.shape.rows, engine.pool)
        let split = ProductSplit(rows: rows, width: width, threads: engine.threads)
        guard let name = parameterName(weight) else {
            let (packed, _, prepare) = try packedWeight(weight, packing)
            let product = LinearProduct(rows: rows, depth: depth, width: width, precision: .float32)
            return Step { frame in
                prepare?(frame)
                product.run(
                    frame(source), UnsafePointer(frame(packed)), frame(target), epilogue(frame, width), split, pool)
            }
        }
        let precision = engine.precision.forProduct(depth: depth, width: width, ofGradient: transposed)
        let product = LinearProduct(rows: rows, depth: depth, width: width, precision: precision)
        let parameters = engine.parameters
        let stored = try parameters.linear(name, graph.shape(weight), packing, precision)
        let work = scratch(stored.isFilled ? 0 : engine.threads * (stored.packing?.panelSize ?? 0))
        return Step { frame throws(EngineError) in
            let (a, c, tail) = (frame(source), frame(target), epilogue(frame, width))
            guard let floats = try parameters.unpacked(stored) else {
                product.run(a, UnsafePointer(stored.target), c, tail, split, pool)
                return
            }
            try parameters.readOnce(stored, floats, scratch: frame(work)) { panel, packed in
                product.run(a, panel: panel, packed, c, tail)
            }
        }
    }
}

/// `x w` of given sizes, for packed weights.
private struct LinearProduct {
    let rows: Int
    let depth: Int
    let width: Int
    let precision: Precision

    /// The whole product, piece by piece.
    func run(
        _ a: UnsafePointer<Float>, _ packed: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>,
        _ tail: rk_epilogue, _ split: ProductSplit, _ pool: ThreadPool
    ) {
        pool.parallel(split.pieces) { piece, _ in
            let (rows, panels) = split[piece]
            var tail = tail
            rk_gemm_as(
                precision.kernelCode, a, Int64(depth), packed, Int64(depth), Int64(width), c, Int64(width),
                Int64(rows.lowerBound), Int64(rows.upperBound), Int64(panels.lowerBound), Int64(panels.upperBound),
                &tail)
        }
    }

    /// One panel's columns, which is as if they were all.
    func run(
        _ a: UnsafePointer<Float>, panel: Int, _ packed: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>,
        _ tail: rk_epilogue
    ) {
        let first = panel * Int(rk_panel_width())
        var tail = tail
        tail.bias = tail.bias.map { $0 + first }
        tail.residual = tail.residual.map { $0 + first }
        rk_gemm_as(
            precision.kernelCode, a, Int64(depth), packed, Int64(depth),
            Int64(min(Int(rk_panel_width()), width - first)),
            c + first, Int64(width), 0, Int64(rows), 0, 1, &tail)
    }
}
