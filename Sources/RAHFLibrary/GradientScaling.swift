/// What is done to a gradient before a sampler takes its step: both options are the usual ones of guided sampling.
struct GradientScaling {
    /// The header's numbers.
    enum Normalization: Int32 {
        case none, euclidean, largest
    }

    var normalization = Normalization.none
    /// Largest magnitude of an entry, applied after normalising; 0 is no limit.
    var clip: Float = 0

    /// - Parameter norm: the Euclidean norm of `values`.
    func apply(_ values: [Float], norm: Float) -> [Float] {
        let divisor: Float =
            switch normalization {
            case .none: 1
            case .euclidean: norm
            case .largest: values.reduce(0) { max($0, $1.magnitude) }
            }
        let scaled = divisor > 0 && divisor != 1 ? values.map { $0 / divisor } : values
        return clip > 0 ? scaled.map { min(max($0, -clip), clip) } : scaled
    }
}
