import CKernels

/// What products of constant weights round their operands to. Sums, and everything that is not such a product, stay
/// float32; so do 3×3 convolutions of stride 1, which Winograd's transform makes faster yet, and attention, where a
/// trained model's scores are large and their rounding moves them more than all the rest.
public enum Precision: String, Sendable, CaseIterable {
    case float32
    /// Weights and activations rounded to bfloat16.
    case bfloat16
    /// 8-bit integers with a scale per column of the weight and per row of activations, where a layer is deep enough.
    case int8

    /// Whether this processor multiplies in this precision; where it does not, float32 is faster and closer.
    public var isAvailable: Bool { self == .float32 || rk_has_low_precision() == 1 }

    var kernelCode: Int32 {
        switch self {
        case .float32: Int32(RK_FLOAT32.rawValue)
        case .bfloat16: Int32(RK_BFLOAT16.rawValue)
        case .int8: Int32(RK_INT8.rawValue)
        }
    }

    /// The precision of one product: narrow ones cost nothing and often end in a score, and a gradient's rows have too
    /// wide a range for 8 bits.
    func forProduct(depth: Int, width: Int, ofGradient: Bool) -> Precision {
        guard depth >= 32, width >= 16, depth <= 1 << 14 else { return .float32 }
        return self == .int8 && ofGradient ? .bfloat16 : self
    }

    /// The precision of a convolution with constant weights, by its channels.
    func forConvolution(depth: Int, width: Int) -> Precision {
        forProduct(depth: depth, width: width, ofGradient: true)
    }
}
