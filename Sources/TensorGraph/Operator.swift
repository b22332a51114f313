/// Everything an engine must know how to compute. Operators are coarse; fusing them is the engine's business.
///
/// Feature maps are `[batch, height, width, channels]`; tokens are `[batch, tokens, width]`.
public enum Operator: Hashable, Sendable {
    // Leaves.
    /// Bound by the caller at each run.
    case input(String)
    /// A weight: fixed for the life of a program, or one of its variables.
    case parameter(String)
    case constant([Float])
    case integerConstant([Int32])

    // Products.
    /// Inputs x `[..., K]`, w `[N, K...]`, optional bias `[N]`: `x wᵀ + bias`, `[..., N]`.
    /// With `transposed`, x is `[..., N]` and the result `x w`, `[..., K]`.
    case linear(transposed: Bool)
    /// Inputs dy `[..., N]`, x `[..., K]`: `dyᵀ x`, `[N, K]`, summed over all rows.
    case linearWeightGradient
    /// Inputs q `[B, Tq, D]`, k and v `[B, Tk, D]`, then bias `[heads, Tq, Tk]` and key counts `[B]` when present:
    /// `softmax(scale q kᵀ + bias) v` per head, over the first keys of each item.
    case attention(AttentionOptions)
    /// The attention's inputs, then dy: gradients of q, k and v one after another, `[B, Tq + 2 Tk, D]`.
    case attentionGradient(AttentionOptions)
    /// The attention's inputs, then dy: gradient of the bias, `[heads, Tq, Tk]`, summed over items.
    case attentionBiasGradient(AttentionOptions)
    /// Inputs x `[B, H, W, I]`, w `[O, I, kh, kw]`, optional bias `[O]`.
    case convolution(Convolution)
    /// Inputs x `[B, H, W, I]`, w `[I, O, kh, kw]`, optional bias `[O]`. The adjoint of `convolution`.
    case transposedConvolution(Convolution)
    /// Inputs x `[B, H, W, I]` and dy of a convolution: gradient of its weight `[O, I, kh, kw]`.
    case convolutionWeightGradient(Convolution)

    // Normalisation over the innermost axis, and its gradient.
    /// Inputs x, then scale and shift when present, both `[last]`.
    case norm(Norm)
    /// Inputs x, dy, then scale when present: gradient of x.
    case normGradient(Norm)

    // Elementwise. The second operand of `add` and `multiply` may repeat over leading axes.
    case activation(Activation)
    /// Inputs x (before the activation) and dy.
    case activationGradient(Activation)
    case add
    case multiply
    /// `x * factor + offset`.
    case affine(factor: Float, offset: Float)
    /// `1 / x`.
    case reciprocal

    // Losses.
    /// Inputs logits `[..., V]`, int32 classes `[...]`: `log Σ exp(logits) - logits[class]` of each row, `[..., 1]`.
    case crossEntropy
    /// Inputs logits, classes and dy `[..., 1]`: gradient of the logits.
    case crossEntropyGradient

    // Shape.
    case reshape
    case transpose([Int])
    case slice(axis: Int, range: Range<Int>)
    /// Zeros before and after along one axis.
    case pad(axis: Int, before: Int, after: Int)
    case concatenate(axis: Int)
    /// Repeats the tensor over new leading axes.
    case broadcast
    /// Sums over leading axes, the opposite of `broadcast`.
    case sumLeading

    // Pooling over the middle axis of `[B, N, C]`.
    /// The mean of the `count` largest of the N values, for each item and channel: `[B, C]`. 1 is the maximum, N the
    /// mean. Among equal values the first counts. A NaN among the values makes the result NaN.
    case topMean(count: Int)
    /// Inputs x and dy: `dy / count` at the values that were taken, zero elsewhere.
    case topMeanGradient(count: Int)

    // Look-up.
    /// Inputs table `[V, D]`, indices: rows of the table, `[indices..., D]`.
    case embedding
    /// Inputs indices, dy: gradient of the table.
    case embeddingGradient
    /// Inputs cache `[B, T, D]` (an input, changed in place), rows `[B, 1, D]`, position `[1]`: the cache.
    case append
}

/// Element functions with a derivative.
public enum Activation: Hashable, Sendable, CaseIterable {
    case relu
    /// `x Φ(x)`, exact (ViT).
    case gelu
    /// The tanh approximation (T5 v1.1).
    case geluTanh
    case sigmoid
    /// `log(1 + exp(x))`.
    case softplus
}

/// Which statistics a norm divides by.
public struct Norm: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Subtract the mean, divide by the standard deviation.
        case layer
        /// Divide by the root mean square.
        case rms
    }
    public var kind: Kind
    /// Added to the mean square.
    public var epsilon: Float
    public var hasScale = true
    public var hasShift: Bool

    public init(_ kind: Kind, epsilon: Float, hasScale: Bool = true, hasShift: Bool? = nil) {
        self.kind = kind
        self.epsilon = epsilon
        self.hasScale = hasScale
        self.hasShift = hasShift ?? (kind == .layer && hasScale)
    }
}

public struct AttentionOptions: Hashable, Sendable {
    public var heads: Int
    public var scale: Float
    public var hasBias = false
    public var hasKeyCounts = false
}

/// Geometry of a two-dimensional convolution, or of the transposed one that is its adjoint.
///
/// In both, `small` positions `o` and `large` positions `i` meet at tap `k` when `i = o * stride + k - before`.
public struct Convolution: Hashable, Sendable {
    public var kernelHeight: Int
    public var kernelWidth: Int
    public var stride: Int
    /// Rows (and columns) of zeros before the map.
    public var padding: Int
    public var outputHeight: Int
    public var outputWidth: Int

    public init(
        kernelHeight: Int, kernelWidth: Int, stride: Int, padding: Int, outputHeight: Int, outputWidth: Int
    ) {
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.stride = stride
        self.padding = padding
        self.outputHeight = outputHeight
        self.outputWidth = outputWidth
    }
}
