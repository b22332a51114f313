/// The shape that dilation grows a mask by and erosion shrinks it by: symmetric, its centre a pixel's centre.
public struct StructuringElement: Sendable, Equatable {
    public enum Shape: String, CaseIterable, Sendable {
        /// Every (dx, dy) with dx² + dy² ≤ r².
        case disk
        /// Every (dx, dy) with |dx| ≤ r and |dy| ≤ r.
        case square
        /// The plus sign: dx = 0 and |dy| ≤ r, or dy = 0 and |dx| ≤ r.
        case cross
    }

    public let shape: Shape
    /// Pixels, 0 or more; may be a fraction. 0 is the centre alone.
    public let radius: Double

    public init(_ shape: Shape, radius: Double) {
        precondition(radius >= 0 && radius.isFinite, "a radius of \(radius)")
        self.shape = shape
        self.radius = radius
    }

    /// Columns covered at each side of the centre, by rows away from it; as many rows as reach, at most `limit` + 1.
    ///
    /// Non-increasing for every shape, which is what lets the morphology look at one pixel per column.
    func halfWidths(limit: Int) -> [Int32] {
        // No image is wider than Mask.maximumSide, so a larger radius reaches no further.
        let radius = min(self.radius, 4 * Double(Mask.maximumSide))
        let reach = Int(radius)
        return (0...min(reach, limit)).map { row in
            switch shape {
            case .square: return Int32(reach)
            case .cross: return row == 0 ? Int32(reach) : 0
            case .disk:
                let squared = radius * radius
                var column = Int((squared - Double(row * row)).squareRoot())
                // The root may round to the other side of a whole number.
                while Double(column * column + row * row) > squared { column -= 1 }
                while Double((column + 1) * (column + 1) + row * row) <= squared { column += 1 }
                return Int32(column)
            }
        }
    }
}
