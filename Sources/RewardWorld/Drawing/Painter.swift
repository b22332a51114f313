import Glibc

/// How an object's surface is filled.
package enum Pattern: String, CaseIterable, Sendable, Codable {
    case plain, striped, dotted, checked
}

/// An object with everything decided.
struct DrawnObject: Sendable {
    var shape: ShapeKind
    var pattern: Pattern
    var colour: Canvas.Pixel
    /// Stripes, dots and squares.
    var second: Canvas.Pixel
    var x: Float
    var y: Float
    /// In pixels.
    var radius: Float
    /// In radians.
    var turn: Float
    /// Of the outline, in pixels; 0 for none.
    var outline: Float
    var outlineColour: Canvas.Pixel
    /// 0 for none, else how dark.
    var shadow: Float
    /// How strongly light falls from the upper left.
    var shading: Float

    /// The pixels that may change, shadow included.
    func box(_ width: Int, _ height: Int) -> PixelBox {
        let reach = radius * 1.12 + outline + 3
        return PixelBox(
            x: Int(x - reach), y: Int(y - reach), width: Int(2 * reach) + 2, height: Int(2 * reach) + 2
        ).grown(0, within: width, height)
    }

    /// How much of the pixel the object covers, 0 to 1, grown by `margin` pixels.
    @inline(__always)
    func coverage(_ px: Float, _ py: Float, margin: Float = 0) -> Float {
        let (s, c) = (sin(turn), cos(turn))
        return coverage(px, py, s, c, margin)
    }

    @inline(__always)
    private func coverage(_ px: Float, _ py: Float, _ s: Float, _ c: Float, _ margin: Float) -> Float {
        let (dx, dy) = ((px - x) / radius, (py - y) / radius)
        let distance = shape.distance(c * dx + s * dy, c * dy - s * dx) * radius - margin
        return min(max(0.5 - distance, 0), 1)
    }

    /// Draws with antialiased edges.
    func draw(on canvas: inout Canvas) {
        let (s, c) = (sin(turn), cos(turn))
        let box = box(canvas.width, canvas.height)
        let width = canvas.width
        guard box.width > 0, box.height > 0 else { return }
        canvas.pixels.withUnsafeMutableBufferPointer { pixels in
            for row in box.y..<box.y + box.height {
                for column in box.x..<box.x + box.width {
                    let (px, py) = (Float(column), Float(row))
                    let place = row * width + column
                    if shadow > 0 {
                        let dark = coverage(px - 2.5, py - 2.5, s, c, 0) * shadow
                        pixels[place] *= 1 - dark
                    }
                    let (dx, dy) = ((px - x) / radius, (py - y) / radius)
                    let (u, v) = (c * dx + s * dy, c * dy - s * dx)
                    let distance = shape.distance(u, v) * radius
                    if outline > 0 {
                        let cover = min(max(0.5 - distance + outline, 0), 1)
                        pixels[place] += (outlineColour - pixels[place]) * cover
                    }
                    let cover = min(max(0.5 - distance, 0), 1)
                    guard cover > 0 else { continue }
                    let light = 1 - shading * 0.5 * (dx + dy)
                    let fill = (colour + (second - colour) * share(u, v)) * light
                    pixels[place] += (fill - pixels[place]) * cover
                }
            }
        }
    }

    /// How much of the second colour a place has, with soft edges.
    @inline(__always)
    private func share(_ u: Float, _ v: Float) -> Float {
        switch pattern {
        case .plain: return 0
        case .striped: return soft(sin(v * 8.5), radius / 8.5)
        case .checked: return soft(sin(u * 6) * sin(v * 6), radius / 6)
        case .dotted:
            let (a, b) = (u * 2.6, v * 2.6)
            let (du, dv) = (a - a.rounded(), b - b.rounded())
            return soft(0.3 - (du * du + dv * dv).squareRoot(), radius / 2.6)
        }
    }

    /// A step at zero whose ramp is about a pixel wide when the value changes by 1 over `pixels`.
    @inline(__always)
    private func soft(_ value: Float, _ pixels: Float) -> Float {
        min(max(0.5 + value * pixels, 0), 1)
    }
}
