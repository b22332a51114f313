/// Reverse-mode differentiation, written in operators: a gradient is more graph.
extension Graph {
    /// Adds the gradients of `Σ seed · output` with respect to `sources`, and returns one tensor per source.
    ///
    /// Only values on a path from a source to an output get gradients, so asking for the pixels' gradient computes no
    /// weight's. A source that no output depends on gets zeros.
    ///
    /// - Parameters:
    ///   - outputs: what to differentiate, each with a seed of its shape (d objective / d output).
    ///   - sources: float tensors.
    public mutating func gradients(
        of outputs: [(output: Tensor, seed: Tensor)], withRespectTo sources: [Tensor]
    ) -> [Tensor] {
        let depends = dependents(of: sources)
        var gradients: [Int: Tensor] = [:]
        for (output, seed) in outputs where depends[output.index] {
            precondition(shape(output) == shape(seed), "seed \(shape(seed)) for output \(shape(output))")
            accumulate(seed, into: &gradients, at: output)
        }
        for index in (0..<depends.count).reversed() where depends[index] {
            guard let gradient = gradients[index] else { continue }
            for (position, input) in nodes[index].inputs.enumerated() where depends[input.index] {
                let part = self.gradient(ofNode: index, input: position, gradient)
                accumulate(part, into: &gradients, at: input)
            }
        }
        return sources.map { source in
            gradients[source.index]
                ?? constant([Float](repeating: 0, count: shape(source).count), shape(source))
        }
    }

    private mutating func accumulate(_ part: Tensor, into gradients: inout [Int: Tensor], at tensor: Tensor) {
        gradients[tensor.index] = gradients[tensor.index].map { add($0, part) } ?? part
    }

    /// The rule of one operator for one of its inputs.
    private mutating func gradient(ofNode index: Int, input position: Int, _ dy: Tensor) -> Tensor {
        let node = nodes[index]
        let inputs = node.inputs
        let target = shape(inputs[position])
        switch node.operation {
        case .linear(let transposed):
            return linearGradient(inputs, position, dy, transposed: transposed, target)
        case .attention(let options):
            if position == 3, options.hasBias {
                return append(.attentionBiasGradient(options), inputs + [dy], target)
            }
            let (queries, keys) = (shape(inputs[0])[1], shape(inputs[1])[1])
            let all = append(
                .attentionGradient(options), inputs + [dy],
                [target[0], queries + 2 * keys, target[2]])
            let ranges = [0..<queries, queries..<queries + keys, queries + keys..<queries + 2 * keys]
            return slice(reusingLast(all), axis: 1, ranges[position])
        case .convolution(let geometry):
            return convolutionGradient(inputs, position, dy, geometry, transposed: false, target)
        case .transposedConvolution(let geometry):
            return convolutionGradient(inputs, position, dy, geometry, transposed: true, target)
        case .norm(let norm):
            return normGradient(inputs, position, dy, norm, target)
        case .activation(let kind):
            return append(.activationGradient(kind), [inputs[0], dy], target)
        case .add:
            return shape(dy) == target ? dy : sumLeading(dy, to: target)
        case .multiply:
            if position == 0 { return multiply(dy, inputs[1]) }
            let product = multiply(dy, inputs[0])
            return shape(product) == target ? product : sumLeading(product, to: target)
        case .affine(let factor, _):
            return affine(dy, factor: factor)
        case .reciprocal:
            let y = Tensor(index: index)
            return multiply(affine(dy, factor: -1), multiply(y, y))
        case .crossEntropy:
            return append(.crossEntropyGradient, inputs + [dy], target)
        case .reshape:
            return reshape(dy, target)
        case .transpose(let permutation):
            return transpose(dy, permutation.indices.map { axis in permutation.firstIndex(of: axis) ?? axis })
        case .slice(let axis, let range):
            return pad(dy, axis: axis, before: range.lowerBound, after: target[axis] - range.upperBound)
        case .pad(let axis, let before, _):
            return slice(dy, axis: axis, before..<before + target[axis])
        case .concatenate(let axis):
            let start = inputs.prefix(position).map { shape($0)[axis] }.reduce(0, +)
            return slice(dy, axis: axis, start..<start + target[axis])
        case .broadcast:
            return sumLeading(dy, to: target)
        case .sumLeading:
            let leading = target.dimensions.prefix(target.rank - node.shape.rank)
            return broadcast(dy, leading: Array(leading))
        case .topMean(let count):
            return append(.topMeanGradient(count: count), [inputs[0], dy], target)
        case .embedding:
            return append(.embeddingGradient, [inputs[1], dy], target)
        case .input, .parameter, .constant, .integerConstant, .linearWeightGradient, .attentionGradient,
            .attentionBiasGradient, .crossEntropyGradient, .convolutionWeightGradient, .normGradient,
            .activationGradient, .topMeanGradient, .embeddingGradient, .append:
            preconditionFailure("\(node.operation) has no gradient rule")
        }
    }

    /// Reuses an identical earlier node for the one just added, so that q, k and v share one attention gradient.
    private mutating func reusingLast(_ tensor: Tensor) -> Tensor {
        let node = self[tensor]
        for index in nodes.indices.dropLast().suffix(8)
        where nodes[index].operation == node.operation && nodes[index].inputs == node.inputs {
            return Tensor(index: index)
        }
        return tensor
    }

    private mutating func linearGradient(
        _ inputs: [Tensor], _ position: Int, _ dy: Tensor, transposed: Bool, _ target: Shape
    ) -> Tensor {
        switch position {
        case 0:
            let dx = transposed ? linear(dy, inputs[1]) : linearTransposed(dy, inputs[1])
            return reshape(dx, target)
        case 1:
            let pair = transposed ? [inputs[0], dy] : [dy, inputs[0]]
            return append(.linearWeightGradient, pair, target)
        default: return sumLeading(dy, to: target)
        }
    }

    private mutating func convolutionGradient(
        _ inputs: [Tensor], _ position: Int, _ dy: Tensor, _ geometry: Convolution, transposed: Bool, _ target: Shape
    ) -> Tensor {
        switch position {
        case 0:
            let size = (height: target[1], width: target[2])
            let (stride, padding) = (geometry.stride, geometry.padding)
            return transposed
                ? convolution(dy, inputs[1], stride: stride, padding: padding, outputSize: size)
                : transposedConvolution(dy, inputs[1], stride: stride, padding: padding, outputSize: size)
        case 1:
            var forward = geometry
            if transposed { (forward.outputHeight, forward.outputWidth) = (shape(inputs[0])[1], shape(inputs[0])[2]) }
            let pair = transposed ? [dy, inputs[0]] : [inputs[0], dy]
            return append(.convolutionWeightGradient(forward), pair, target)
        default: return sumLeading(dy, to: target)
        }
    }

    private mutating func normGradient(
        _ inputs: [Tensor], _ position: Int, _ dy: Tensor, _ norm: Norm, _ target: Shape
    ) -> Tensor {
        if position == 0 {
            var plain = norm
            plain.hasShift = false
            return append(.normGradient(plain), [inputs[0], dy] + (norm.hasScale ? [inputs[1]] : []), target)
        }
        guard norm.hasScale, position == 1 else { return sumLeading(dy, to: target) }
        let normalised = self.norm(inputs[0], norm.kind, epsilon: norm.epsilon)
        return sumLeading(multiply(dy, normalised), to: target)
    }
}
