import Glibc
package import RewardImage

/// A picture being made: one vector per pixel, red, green and blue in [0, 1] as in a file (not linear light), and a
/// fourth lane that is nothing.
package struct Canvas: Sendable {
    package typealias Pixel = SIMD4<Float>

    package let width: Int
    package let height: Int
    package var pixels: [Pixel]

    package init(width: Int, height: Int, fill: Pixel = .zero) {
        self.width = width
        self.height = height
        pixels = [Pixel](repeating: fill, count: width * height)
    }

    package init(_ image: Image) {
        self.init(width: image.width, height: image.height)
        switch image.samples {
        case .uint8(let octets):
            for index in pixels.indices {
                let start = index * 3
                pixels[index] =
                    SIMD4(Float(octets[start]), Float(octets[start + 1]), Float(octets[start + 2]), 0) * (1 / 255)
            }
        case .float32(let values):
            for index in pixels.indices {
                let start = index * 3
                pixels[index] = SIMD4(values[start], values[start + 1], values[start + 2], 0)
            }
        }
    }

    /// Eight bits a sample, clamped and rounded.
    package var image: Image {
        let octets = [UInt8](unsafeUninitializedCapacity: pixels.count * 3) { target, count in
            pixels.withUnsafeBufferPointer { pixels in
                for index in pixels.indices {
                    let levels = pixels[index].clamped(lowerBound: .zero, upperBound: .one) * 255 + 0.5
                    target[index * 3] = UInt8(levels.x)
                    target[index * 3 + 1] = UInt8(levels.y)
                    target[index * 3 + 2] = UInt8(levels.z)
                }
            }
            count = pixels.count * 3
        }
        return Image(width: width, height: height, rgb: octets)
    }

    var bounds: PixelBox { PixelBox(x: 0, y: 0, width: width, height: height) }

    /// The nearest pixel inside.
    func clamped(_ x: Int, _ y: Int) -> Pixel {
        pixels[min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)]
    }

    /// Bilinear, pixel (0, 0)'s centre at (0, 0), the rim repeated outside.
    func sample(_ x: Float, _ y: Float) -> Pixel {
        let x = min(max(x, 0), Float(width - 1))
        let y = min(max(y, 0), Float(height - 1))
        let (column, row) = (min(Int(x), max(width - 2, 0)), min(Int(y), max(height - 2, 0)))
        let (u, v) = (x - Float(column), y - Float(row))
        let right = width > 1 ? 1 : 0
        let below = height > 1 ? width : 0
        return pixels.withUnsafeBufferPointer { pixels in
            let start = row * width + column
            let top = pixels[start] + (pixels[start + right] - pixels[start]) * u
            let bottom = pixels[start + below] + (pixels[start + below + right] - pixels[start + below]) * u
            return top + (bottom - top) * v
        }
    }

    /// The mean over all pixels.
    var mean: Pixel { pixels.reduce(.zero, +) * (1 / Float(pixels.count)) }

    /// Half the size, each pixel the mean of four; an odd last row or column is left out.
    var halved: Canvas {
        var result = Canvas(width: max(width / 2, 1), height: max(height / 2, 1))
        for y in 0..<result.height {
            for x in 0..<result.width {
                let sum =
                    clamped(2 * x, 2 * y) + clamped(2 * x + 1, 2 * y) + clamped(2 * x, 2 * y + 1)
                    + clamped(2 * x + 1, 2 * y + 1)
                result.pixels[y * result.width + x] = sum * 0.25
            }
        }
        return result
    }

    var flipped: Canvas {
        var result = self
        for y in 0..<height {
            for x in 0..<width { result.pixels[y * width + x] = pixels[y * width + width - 1 - x] }
        }
        return result
    }
}

extension SIMD4<Float> {
    /// Luma of ITU-R BT.601, as JPEG has it.
    var luma: Float { 0.299 * x + 0.587 * y + 0.114 * z }

    /// The mean of the three channels.
    var level: Float { (x + y + z) * (1 / 3) }

    static func grey(_ value: Float) -> SIMD4<Float> { SIMD4(value, value, value, 0) }
}

/// A rectangle of pixels.
package struct PixelBox: Sendable, Equatable {
    package var x: Int
    package var y: Int
    package var width: Int
    package var height: Int

    /// The part inside a picture, grown first by `margin` on every side.
    func grown(_ margin: Int, within width: Int, _ height: Int) -> PixelBox {
        let left = max(x - margin, 0)
        let top = max(y - margin, 0)
        return PixelBox(
            x: left, y: top, width: min(x + self.width + margin, width) - left,
            height: min(y + self.height + margin, height) - top)
    }
}

/// `f(0) = 0`, `f(1) = 1`, flat at both, clamped outside.
func smoothstep(_ t: Float) -> Float {
    let t = min(max(t, 0), 1)
    return t * t * (3 - 2 * t)
}
