/// Colours that everybody calls by the same name.
package enum ColourName: String, CaseIterable, Sendable, Codable {
    case red, orange, yellow, green, cyan, blue, purple, pink, brown, black, white, grey

    var value: Canvas.Pixel {
        switch self {
        case .red: SIMD4(0.86, 0.10, 0.12, 0)
        case .orange: SIMD4(0.97, 0.52, 0.06, 0)
        case .yellow: SIMD4(0.96, 0.88, 0.12, 0)
        case .green: SIMD4(0.12, 0.62, 0.20, 0)
        case .cyan: SIMD4(0.15, 0.82, 0.86, 0)
        case .blue: SIMD4(0.12, 0.25, 0.84, 0)
        case .purple: SIMD4(0.48, 0.13, 0.66, 0)
        case .pink: SIMD4(0.97, 0.52, 0.74, 0)
        case .brown: SIMD4(0.45, 0.26, 0.12, 0)
        case .black: SIMD4(0.06, 0.06, 0.07, 0)
        case .white: SIMD4(0.96, 0.96, 0.95, 0)
        case .grey: SIMD4(0.52, 0.52, 0.53, 0)
        }
    }

    /// A shade of the colour that keeps its name.
    func shade(_ random: inout WorldRandom) -> Canvas.Pixel {
        let spread: Float = self == .black || self == .white ? 0.03 : 0.05
        let all = random.uniform(-spread, spread)
        let each = SIMD4(
            random.uniform(-0.025, 0.025), random.uniform(-0.025, 0.025), random.uniform(-0.025, 0.025), 0)
        return (value + each + Canvas.Pixel(all, all, all, 0)).clamped(lowerBound: .zero, upperBound: .one)
    }

    /// Euclidean in RGB.
    func distance(to other: Canvas.Pixel) -> Float {
        let difference = value - other
        return (difference * difference).sum().squareRoot()
    }
}
