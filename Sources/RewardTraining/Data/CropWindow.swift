import Glibc

/// A square part of a picture: cut straight, or turned and scaled.
struct CropWindow {
    private let side: Int
    /// Source position of the output's pixel (0, 0), and the steps to the next column; rows are at a right angle.
    private let origin: SIMD2<Float>
    private let step: SIMD2<Float>
    private let isStraight: Bool

    /// Pixels as they are.
    init(left: Int, top: Int, side: Int) {
        self.side = side
        origin = SIMD2(Float(left), Float(top))
        step = SIMD2(1, 0)
        isStraight = true
    }

    /// About the same place, turned and scaled, moved as far as it must be to lie inside the picture.
    init(left: Int, top: Int, side: Int, of size: Int, _ warp: Augmentation.Warp) {
        self.side = side
        let most = Float(size) / Float(side) / (abs(cosf(warp.angle)) + abs(sinf(warp.angle)))
        let scale = min(warp.scale, most)
        step = SIMD2(cosf(warp.angle), sinf(warp.angle)) * scale
        let half = Float(side - 1) / 2
        let reach = half * (abs(step.x) + abs(step.y))
        func inside(_ start: Int) -> Float { min(max(Float(start) + half, reach), Float(size - 1) - reach) }
        origin = SIMD2(inside(left), inside(top)) - SIMD2(step.x - step.y, step.y + step.x) * half
        isStraight = false
    }

    private func source(_ column: Float, _ row: Float) -> SIMD2<Float> {
        origin + SIMD2(step.x * column - step.y * row, step.y * column + step.x * row)
    }

    /// `[side, side, 3]` in [0, 1], bilinear where the window is turned.
    func pixels(_ octets: UnsafePointer<UInt8>, _ size: Int) -> [Float] {
        var result = [Float](repeating: 0, count: side * side * 3)
        if isStraight {
            let (left, top) = (Int(origin.x), Int(origin.y))
            for row in 0..<side {
                let start = ((top + row) * size + left) * 3
                for element in 0..<side * 3 { result[row * side * 3 + element] = Float(octets[start + element]) / 255 }
            }
            return result
        }
        for row in 0..<side {
            for column in 0..<side {
                let from = source(Float(column), Float(row)).clamped(
                    lowerBound: .zero, upperBound: SIMD2(repeating: Float(size - 1)))
                let (x, y) = (min(Int(from.x), size - 2), min(Int(from.y), size - 2))
                let (u, v) = (from.x - Float(x), from.y - Float(y))
                let (above, below) = ((y * size + x) * 3, ((y + 1) * size + x) * 3)
                for channel in 0..<3 {
                    let (a, b) = (Float(octets[above + channel]), Float(octets[above + channel + 3]))
                    let (c, d) = (Float(octets[below + channel]), Float(octets[below + channel + 3]))
                    let (upper, lower) = (a + (b - a) * u, c + (d - c) * u)
                    result[(row * side + column) * 3 + channel] = (upper + (lower - upper) * v) / 255
                }
            }
        }
        return result
    }

    /// The same part of a map whose cells are `cell` pixels wide, `[side / cell, side / cell]` in [0, 1].
    func map(_ octets: UnsafePointer<UInt8>, _ mapSize: Int, _ cell: Int) -> [Float] {
        let cells = side / cell
        var result = [Float](repeating: 0, count: cells * cells)
        if isStraight {
            let (left, top) = (Int(origin.x) / cell, Int(origin.y) / cell)
            for row in 0..<cells {
                for column in 0..<cells {
                    result[row * cells + column] = Float(octets[(top + row) * mapSize + left + column]) / 255
                }
            }
            return result
        }
        let middle = Float(cell - 1) / 2
        for row in 0..<cells {
            for column in 0..<cells {
                let at = source(Float(column * cell) + middle, Float(row * cell) + middle)
                // Cells' centres lie `cell` pixels apart, the first at `middle`.
                let from = ((at - SIMD2(repeating: middle)) / Float(cell)).clamped(
                    lowerBound: .zero, upperBound: SIMD2(repeating: Float(mapSize - 1)))
                let (x, y) = (min(Int(from.x), mapSize - 2), min(Int(from.y), mapSize - 2))
                let (u, v) = (from.x - Float(x), from.y - Float(y))
                let corner = y * mapSize + x
                let upper = Float(octets[corner]) * (1 - u) + Float(octets[corner + 1]) * u
                let lower = Float(octets[corner + mapSize]) * (1 - u) + Float(octets[corner + mapSize + 1]) * u
                result[row * cells + column] = (upper * (1 - v) + lower * v) / 255
            }
        }
        return result
    }
}
