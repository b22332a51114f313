/// Norms, elementwise functions, shapes and look-ups.
extension Graph {
    /// Normalises the innermost axis; `scale` and `shift` are `[last]`.
    public mutating func norm(
        _ x: Tensor, _ kind: Norm.Kind, epsilon: Float, scale: Tensor? = nil, shift: Tensor? = nil
    ) -> Tensor {
        precondition([scale, shift].allSatisfy { $0.map { shape($0) == [shape(x).last] } ?? true }, "norm weights")
        let norm = Norm(kind, epsilon: epsilon, hasScale: scale != nil, hasShift: shift != nil)
        return append(.norm(norm), [x] + [scale, shift].compactMap { $0 }, shape(x))
    }

    public mutating func activation(_ x: Tensor, _ kind: Activation) -> Tensor {
        append(.activation(kind), [x], shape(x))
    }

    /// Sum; `b` may repeat over `a`'s leading axes.
    public mutating func add(_ a: Tensor, _ b: Tensor) -> Tensor {
        precondition(shape(a).ends(with: shape(b)), "add of \(shape(a)) and \(shape(b))")
        return append(.add, [a, b], shape(a))
    }

    /// Product; `b` may repeat over `a`'s leading axes.
    public mutating func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
        precondition(shape(a).ends(with: shape(b)), "product of \(shape(a)) and \(shape(b))")
        return append(.multiply, [a, b], shape(a))
    }

    /// `x * factor + offset`.
    public mutating func affine(_ x: Tensor, factor: Float, offset: Float = 0) -> Tensor {
        append(.affine(factor: factor, offset: offset), [x], shape(x))
    }

    /// `1 / x`, element by element.
    public mutating func reciprocal(_ x: Tensor) -> Tensor {
        append(.reciprocal, [x], shape(x))
    }

    /// `-log softmax(logits)[class]` of each innermost row: logits `[..., V]` and int32 classes `[...]` in 0..<V give
    /// `[..., 1]`.
    public mutating func crossEntropy(_ logits: Tensor, classes: Tensor) -> Tensor {
        let from = shape(logits)
        precondition(self[classes].type == .int32, "classes are int32")
        precondition(
            from.dimensions.dropLast().elementsEqual(shape(classes).dimensions), "one class per row of \(from)")
        return append(.crossEntropy, [logits, classes], from.with(from.rank - 1, 1))
    }

    public mutating func reshape(_ x: Tensor, _ shape: Shape) -> Tensor {
        precondition(shape.count == self.shape(x).count, "reshape of \(self.shape(x)) to \(shape)")
        return append(.reshape, [x], shape, self[x].type)
    }

    /// Axis `i` of the result is axis `permutation[i]` of `x`.
    public mutating func transpose(_ x: Tensor, _ permutation: [Int]) -> Tensor {
        let from = shape(x)
        precondition(permutation.sorted() == Array(0..<from.rank), "\(permutation) does not permute \(from)")
        return append(.transpose(permutation), [x], Shape(permutation.map { from[$0] }))
    }

    public mutating func slice(_ x: Tensor, axis: Int, _ range: Range<Int>) -> Tensor {
        let from = shape(x)
        precondition(range.lowerBound >= 0 && range.upperBound <= from[axis], "slice \(range) of \(from)")
        return append(.slice(axis: axis, range: range), [x], from.with(axis, range.count))
    }

    public mutating func pad(_ x: Tensor, axis: Int, before: Int, after: Int) -> Tensor {
        append(
            .pad(axis: axis, before: before, after: after), [x],
            shape(x).with(axis, shape(x)[axis] + before + after))
    }

    public mutating func concatenate(_ parts: [Tensor], axis: Int) -> Tensor {
        let shapes = parts.map { shape($0) }
        precondition(shapes.allSatisfy { $0.with(axis, 1) == shapes[0].with(axis, 1) }, "concatenation of \(shapes)")
        return append(
            .concatenate(axis: axis), parts, shapes[0].with(axis, shapes.map { $0[axis] }.reduce(0, +)))
    }

    /// Repeats `x` over new leading axes.
    public mutating func broadcast(_ x: Tensor, leading: [Int]) -> Tensor {
        append(.broadcast, [x], Shape(leading + shape(x).dimensions))
    }

    /// Sums over leading axes until the shape is `shape`.
    public mutating func sumLeading(_ x: Tensor, to shape: Shape) -> Tensor {
        precondition(self.shape(x).ends(with: shape), "sum of \(self.shape(x)) to \(shape)")
        return append(.sumLeading, [x], shape)
    }

    /// Mean of the `count` largest values along the middle axis of `[B, N, C]`: `[B, C]`.
    ///
    /// `count` 1 is max pooling, N mean pooling. The gradient goes to the values taken, in equal parts; among equal
    /// values to the first.
    public mutating func topMean(_ x: Tensor, count: Int) -> Tensor {
        let from = shape(x)
        precondition(from.rank == 3 && (1...from[1]).contains(count), "mean of the top \(count) of \(from)")
        return append(.topMean(count: count), [x], [from[0], from[2]])
    }

    /// Rows of `table` `[V, D]` at int32 `indices`, which must lie in 0..<V.
    public mutating func embedding(_ table: Tensor, _ indices: Tensor) -> Tensor {
        precondition(self[indices].type == .int32, "embedding indices are int32")
        return append(.embedding, [table, indices], Shape(shape(indices).dimensions + [shape(table)[1]]))
    }

    /// Writes `rows` `[B, 1, D]` into `cache` `[B, T, D]` at the position in int32 `[1]`; the cache changes in place.
    public mutating func append(_ rows: Tensor, to cache: Tensor, at position: Tensor) -> Tensor {
        precondition(shape(cache).with(1, 1) == shape(rows), "append of \(shape(rows)) to \(shape(cache))")
        return append(.append, [cache, rows, position], shape(cache))
    }
}
