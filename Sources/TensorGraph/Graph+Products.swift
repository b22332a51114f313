/// Leaves, products, attention and convolutions.
extension Graph {
    public mutating func input(_ name: String, _ shape: Shape, _ type: ElementType = .float32) -> Tensor {
        append(.input(name), [], shape, type)
    }

    public mutating func parameter(_ name: String, _ shape: Shape) -> Tensor {
        append(.parameter(name), [], shape)
    }

    public mutating func constant(_ values: [Float], _ shape: Shape) -> Tensor {
        precondition(values.count == shape.count, "\(values.count) values for \(shape)")
        return append(.constant(values), [], shape)
    }

    public mutating func constant(_ values: [Int32], _ shape: Shape) -> Tensor {
        precondition(values.count == shape.count, "\(values.count) values for \(shape)")
        return append(.integerConstant(values), [], shape, .int32)
    }

    /// `x wᵀ + bias` over the innermost axis; `weight` is `[N, K...]` with its trailing axes flattened.
    public mutating func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil) -> Tensor {
        let (input, w) = (shape(x), shape(weight))
        precondition(input.last == w.count / w[0], "linear of \(input) with \(w)")
        precondition(bias.map { shape($0) == [w[0]] } ?? true, "bias of a linear must be [\(w[0])]")
        return append(
            .linear(transposed: false), [x, weight] + (bias.map { [$0] } ?? []), input.with(input.rank - 1, w[0]))
    }

    /// `x w` over the innermost axis: the gradient of `linear` with respect to its input.
    public mutating func linearTransposed(_ x: Tensor, _ weight: Tensor) -> Tensor {
        let (input, w) = (shape(x), shape(weight))
        precondition(input.last == w[0], "transposed linear of \(input) with \(w)")
        return append(.linear(transposed: true), [x, weight], input.with(input.rank - 1, w.count / w[0]))
    }

    /// Attention of all heads at once; see `Operator.attention`.
    ///
    /// - Parameter keyCounts: int32 `[B]`; keys from that index on do not exist for the item.
    public mutating func attention(
        query: Tensor, key: Tensor, value: Tensor, heads: Int, scale: Float, bias: Tensor? = nil,
        keyCounts: Tensor? = nil
    ) -> Tensor {
        let (q, k) = (shape(query), shape(key))
        precondition(q.rank == 3 && k == shape(value) && q[0] == k[0] && q[2] == k[2], "attention of \(q) over \(k)")
        precondition(q[2] % heads == 0, "\(heads) heads must divide \(q[2])")
        precondition(bias.map { shape($0) == [heads, q[1], k[1]] } ?? true, "attention bias does not fit")
        precondition(keyCounts.map { shape($0) == [q[0]] } ?? true, "one key count per item")
        let options = AttentionOptions(
            heads: heads, scale: scale, hasBias: bias != nil, hasKeyCounts: keyCounts != nil)
        return append(.attention(options), [query, key, value] + [bias, keyCounts].compactMap { $0 }, q)
    }

    /// A convolution with `padding` rows and columns of zeros before the map and as many after as the output needs.
    ///
    /// - Parameter outputSize: height and width; nil keeps the input's size divided by the stride, rounded up (`SAME`).
    public mutating func convolution(
        _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int? = nil,
        outputSize: (height: Int, width: Int)? = nil
    ) -> Tensor {
        let (map, w) = (shape(x), shape(weight))
        precondition(map.rank == 4 && w.rank == 4 && map[3] == w[1], "convolution of \(map) with \(w)")
        let size = outputSize ?? ((map[1] + stride - 1) / stride, (map[2] + stride - 1) / stride)
        let geometry = Convolution(
            kernelHeight: w[2], kernelWidth: w[3], stride: stride, padding: padding ?? (w[2] - 1) / 2,
            outputHeight: size.height, outputWidth: size.width)
        return append(
            .convolution(geometry), [x, weight] + (bias.map { [$0] } ?? []), [map[0], size.height, size.width, w[0]])
    }

    /// A transposed convolution (`ConvTranspose2d`): weight `[I, O, kh, kw]`.
    public mutating func transposedConvolution(
        _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, stride: Int, padding: Int,
        outputSize: (height: Int, width: Int)
    ) -> Tensor {
        let (map, w) = (shape(x), shape(weight))
        precondition(map.rank == 4 && w.rank == 4 && map[3] == w[0], "transposed convolution of \(map) with \(w)")
        let geometry = Convolution(
            kernelHeight: w[2], kernelWidth: w[3], stride: stride, padding: padding,
            outputHeight: outputSize.height, outputWidth: outputSize.width)
        return append(
            .transposedConvolution(geometry), [x, weight] + (bias.map { [$0] } ?? []),
            [map[0], outputSize.height, outputSize.width, w[1]])
    }
}
