import Glibc

/// How the learning rate changes over the steps of a stage.
public enum Schedule: String, Codable, Sendable, CaseIterable {
    /// The paper's: linear to the peak, then `peak * sqrt(warm-up / step)`.
    case reciprocalSquareRoot = "reciprocal_square_root"
    /// Linear to the peak, then half a cosine down to `finalFactor` of it.
    case cosine
    /// Linear to the peak, then constant.
    case constant

    /// The rate of a step, counted from 0.
    package func rate(peak: Double, step: Int, steps: Int, warmUp: Int, finalFactor: Double) -> Double {
        if step < warmUp { return peak * Double(step + 1) / Double(warmUp) }
        switch self {
        case .constant: return peak
        case .reciprocalSquareRoot:
            let start = Double(max(warmUp, 1))
            return peak * (start / max(Double(step + 1), start)).squareRoot()
        case .cosine:
            let span = max(steps - warmUp, 1)
            let progress = Double(min(step - warmUp, span)) / Double(span)
            return peak * (finalFactor + (1 - finalFactor) * 0.5 * (1 + cos(.pi * progress)))
        }
    }
}
