import CKernels
import TensorGraph

/// Attention and its gradient: one piece of work per item and head, each with its own scratch.
extension Compiler {
    private struct AttentionPlan {
        let options: AttentionOptions
        let batch: Int
        let queries: Int
        let keys: Int
        let width: Int
        let query: Location
        let key: Location
        let value: Location
        let bias: Location?
        let counts: Location?

        var headWidth: Int { width / options.heads }
    }

    private func attentionPlan(_ node: Node, _ options: AttentionOptions) -> AttentionPlan {
        let (q, k) = (graph.shape(node.inputs[0]), graph.shape(node.inputs[1]))
        return AttentionPlan(
            options: options, batch: q[0], queries: q[1], keys: k[1], width: q[2],
            query: location(node.inputs[0]), key: location(node.inputs[1]), value: location(node.inputs[2]),
            bias: options.hasBias ? location(node.inputs[3]) : nil,
            counts: options.hasKeyCounts ? location(node.inputs[options.hasBias ? 4 : 3]) : nil)
    }

    mutating func attention(_ index: Int, _ options: AttentionOptions) -> Step {
        let plan = attentionPlan(graph.nodes[index], options)
        let (keys, d) = (plan.keys, plan.headWidth)
        let keyCount = Int(rk_packed_count(Int64(d), Int64(keys)))
        let valueCount = Int(rk_packed_count(Int64(keys), Int64(d)))
        let perWorker = (keyCount + valueCount + Int(rk_attention_scratch(Int64(keys))) + 15) & ~15
        let work = scratch(perWorker * engine.threads)
        let (target, pool) = (location(Tensor(index: index)), engine.pool)
        return Step { frame in
            let (q, k, v, out) = (frame(plan.query), frame(plan.key), frame(plan.value), frame(target))
            let bias = plan.bias.map { frame($0) }
            let counts = plan.counts.map { frame.integers($0) }
            let scratch = frame(work)
            pool.parallel(plan.batch * options.heads) { piece, worker in
                let (item, head) = (piece / options.heads, piece % options.heads)
                let count = counts.map { Int($0[item]) } ?? keys
                let mine = scratch + worker * perWorker
                let offset = item * keys * plan.width + head * d
                pack(keys: k + offset, plan.width, count, d, into: mine)
                pack(values: v + offset, plan.width, count, d, into: mine + keyCount)
                let rows = item * plan.queries * plan.width + head * d
                rk_attention(
                    q + rows, Int64(plan.width), mine, mine + keyCount, Int64(count), Int64(d), options.scale,
                    bias.map { UnsafePointer($0 + head * plan.queries * keys) }, Int64(keys), out + rows,
                    Int64(plan.width), 0, Int64(plan.queries), mine + keyCount + valueCount)
            }
        }
    }

    /// dV = Pᵀ dO; dP = dO Vᵀ; dS = scale P (dP - rowsum(P dP)); dQ = dS K; dK = dSᵀ Q.
    mutating func attentionGradient(_ index: Int, _ options: AttentionOptions) -> Step {
        let node = graph.nodes[index]
        let plan = attentionPlan(node, options)
        let gradient = location(node.inputs[node.inputs.count - 1])
        let (keys, queries, d) = (plan.keys, plan.queries, plan.headWidth)
        let packedSize =
            [(d, keys), (keys, d), (queries, d)].map { Int(rk_packed_count(Int64($0.0), Int64($0.1))) }
            .max() ?? 0
        let square = queries * keys
        let perWorker = (packedSize + 3 * square + 15) & ~15
        let work = scratch(perWorker * engine.threads)
        let (target, pool) = (location(Tensor(index: index)), engine.pool)
        return Step { frame in
            let (q, k, v) = (frame(plan.query), frame(plan.key), frame(plan.value))
            let (dy, out, scratch) = (frame(gradient), frame(target), frame(work))
            let bias = plan.bias.map { frame($0) }
            let counts = plan.counts.map { frame.integers($0) }
            pool.parallel(plan.batch * options.heads) { piece, worker in
                let (item, head) = (piece / options.heads, piece % options.heads)
                let count = counts.map { Int($0[item]) } ?? keys
                let packed = scratch + worker * perWorker
                let (p, dp, swapped) = (
                    packed + packedSize, packed + packedSize + square, packed + packedSize + 2 * square
                )
                let (width, column) = (plan.width, head * d)
                let qRows = q + item * queries * width + column
                let (kRows, vRows) = (k + item * keys * width + column, v + item * keys * width + column)
                let dyRows = dy + item * queries * width + column
                let dq = out + item * (queries + 2 * keys) * width + column
                let (dk, dv) = (dq + queries * width, dq + (queries + keys) * width)
                clear(dk + count * width, rows: keys - count, d, width)
                clear(dv + count * width, rows: keys - count, d, width)

                pack(keys: kRows, width, count, d, into: packed)
                product(qRows, width, packed, d, count, p, count, queries)
                for row in 0..<queries {
                    let line = p + row * count
                    rk_scale(line, options.scale, 0, line, Int64(count))
                    if let bias { rk_add(line, bias + (head * queries + row) * keys, line, Int64(count)) }
                }
                rk_softmax_rows(p, p, Int64(queries), Int64(count), Int64(count))

                transpose(p, queries, count, into: swapped)
                pack(values: dyRows, width, queries, d, into: packed)
                product(swapped, queries, packed, queries, d, dv, width, count)

                pack(keys: vRows, width, count, d, into: packed)
                product(dyRows, width, packed, d, count, dp, count, queries)
                rk_softmax_grad_rows(p, dp, dp, Int64(queries), Int64(count), Int64(count), options.scale)

                pack(values: kRows, width, count, d, into: packed)
                product(dp, count, packed, count, d, dq, width, queries)

                transpose(dp, queries, count, into: swapped)
                pack(values: qRows, width, queries, d, into: packed)
                product(swapped, queries, packed, queries, d, dk, width, count)
            }
        }
    }

    /// dB = Σ over items of P (dP - rowsum(P dP)); one piece of work per head, so items are added in order.
    mutating func attentionBiasGradient(_ index: Int, _ options: AttentionOptions) -> Step {
        let node = graph.nodes[index]
        let plan = attentionPlan(node, options)
        let gradient = location(node.inputs[node.inputs.count - 1])
        let (keys, queries, d) = (plan.keys, plan.queries, plan.headWidth)
        let packedSize = Int(rk_packed_count(Int64(d), Int64(keys)))
        let square = queries * keys
        let perWorker = (packedSize + 2 * square + 15) & ~15
        let work = scratch(perWorker * engine.threads)
        let (target, pool) = (location(Tensor(index: index)), engine.pool)
        return Step { frame in
            let (q, k, v) = (frame(plan.query), frame(plan.key), frame(plan.value))
            let (dy, scratch) = (frame(gradient), frame(work))
            let bias = plan.bias.map { frame($0) }
            let counts = plan.counts.map { frame.integers($0) }
            pool.parallel(options.heads) { head, worker in
                let out = frame(target) + head * square
                out.update(repeating: 0, count: square)
                let packed = scratch + worker * perWorker
                let (p, dp) = (packed + packedSize, packed + packedSize + square)
                let (width, column) = (plan.width, head * d)
                for item in 0..<plan.batch {
                    let count = counts.map { Int($0[item]) } ?? keys
                    let rows = item * queries * width + column
                    pack(keys: k + item * keys * width + column, width, count, d, into: packed)
                    product(q + rows, width, packed, d, count, p, count, queries)
                    for row in 0..<queries {
                        let line = p + row * count
                        rk_scale(line, options.scale, 0, line, Int64(count))
                        if let bias { rk_add(line, bias + (head * queries + row) * keys, line, Int64(count)) }
                    }
                    rk_softmax_rows(p, p, Int64(queries), Int64(count), Int64(count))
                    pack(keys: v + item * keys * width + column, width, count, d, into: packed)
                    product(dy + rows, width, packed, d, count, dp, count, queries)
                    rk_softmax_grad_rows(p, dp, dp, Int64(queries), Int64(count), Int64(count), 1)
                    for row in 0..<queries {
                        rk_add(out + row * keys, dp + row * count, out + row * keys, Int64(count))
                    }
                }
            }
        }
    }
}

private typealias Pointer = UnsafeMutablePointer<Float>

/// Rows `[count, d]` as the right-hand side of `x rowsᵀ`.
private func pack(keys rows: Pointer, _ stride: Int, _ count: Int, _ d: Int, into packed: Pointer) {
    rk_pack(
        rows, 1, Int64(stride), Int64(d), Int64(count), packed, 0, Int64(WeightPacking.panelCount(count)))
}

/// Rows `[count, d]` as the right-hand side of `x rows`.
private func pack(values rows: Pointer, _ stride: Int, _ count: Int, _ d: Int, into packed: Pointer) {
    rk_pack(rows, Int64(stride), 1, Int64(count), Int64(d), packed, 0, Int64(WeightPacking.panelCount(d)))
}

private func product(
    _ a: Pointer, _ aStride: Int, _ packed: Pointer, _ depth: Int, _ width: Int, _ c: Pointer, _ cStride: Int,
    _ rows: Int
) {
    var none = rk_epilogue()
    rk_gemm(
        a, Int64(aStride), packed, Int64(depth), Int64(width), c, Int64(cStride), 0, Int64(rows), 0,
        Int64(WeightPacking.panelCount(width)), &none)
}

private func transpose(_ x: Pointer, _ rows: Int, _ columns: Int, into y: Pointer) {
    rk_transpose(x, Int64(rows), Int64(columns), y, Int64(rows))
}

private func clear(_ x: Pointer, rows: Int, _ count: Int, _ stride: Int) {
    for row in 0..<max(rows, 0) { (x + row * stride).update(repeating: 0, count: count) }
}
