import Glibc

/// What can be drawn and named.
package enum ShapeKind: String, CaseIterable, Sendable, Codable {
    case circle, square, triangle, star, ring, cross, heart, diamond, hexagon, crescent

    var plural: String {
        switch self {
        case .cross: "crosses"
        default: rawValue + "s"
        }
    }

    /// How far a shape may be turned, in radians, and still be called by its name.
    var turn: Float {
        switch self {
        case .circle, .ring, .hexagon: .pi
        case .star, .triangle, .heart, .crescent: 0.4
        case .square, .cross, .diamond: 0.2
        }
    }

    /// A number that is negative inside the shape, positive outside, and grows by about 1 per unit near the outline.
    /// The shape fits the unit circle; y points down.
    @inline(__always)
    func distance(_ x: Float, _ y: Float) -> Float {
        switch self {
        case .circle:
            return (x * x + y * y).squareRoot() - 1
        case .square:
            return max(abs(x), abs(y)) - 0.8
        case .triangle:
            return max(y - 0.5, 0.866 * abs(x) - 0.5 * y - 0.5)
        case .star:
            return Self.star(x, y)
        case .ring:
            return abs((x * x + y * y).squareRoot() - 0.76) - 0.24
        case .cross:
            return min(max(abs(x) - 0.28, abs(y) - 0.94), max(abs(y) - 0.28, abs(x) - 0.94))
        case .heart:
            return Self.heart(x, y)
        case .diamond:
            return (abs(x) / 0.62 + abs(y) - 1) * 0.53
        case .hexagon:
            return max(abs(y), 0.866 * abs(x) + 0.5 * abs(y)) - 0.866
        case .crescent:
            let inner = ((x - 0.45) * (x - 0.45) + y * y).squareRoot() - 0.8
            return max((x * x + y * y).squareRoot() - 1, -inner)
        }
    }

    /// Five points: the plane is folded onto one half of one point, whose edge is a line.
    private static func star(_ x: Float, _ y: Float) -> Float {
        let sector = Float.pi * 2 / 5
        var angle = atan2(x, -y)
        angle -= (angle / sector).rounded() * sector
        let radius = (x * x + y * y).squareRoot()
        let (along, across) = (radius * cos(angle), radius * abs(sin(angle)))
        // From the tip (1, 0) to the notch, at radius 0.42 and half a sector.
        let (notchAlong, notchAcross) = (Float(0.3398), Float(0.2469))
        let (dx, dy) = (notchAlong - 1, notchAcross)
        return ((along - 1) * -dy + across * dx) * -1 / (dx * dx + dy * dy).squareRoot()
    }

    /// A square on its corner and a disk on each upper edge.
    private static func heart(_ x: Float, _ y: Float) -> Float {
        let y = y - 0.12
        let half: Float = 0.5
        let (u, v) = ((x + y) * 0.7071, (y - x) * 0.7071)
        let box = max(abs(u), abs(v)) - half
        let left = (u * u + (v + half) * (v + half)).squareRoot() - half
        let right = ((u + half) * (u + half) + v * v).squareRoot() - half
        return min(box, min(left, right))
    }
}
