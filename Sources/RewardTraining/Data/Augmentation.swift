import Glibc
import RewardImage

/// What is done to one picture, drawn once so that its copies are treated alike.
package struct Augmentation {
    /// Kept part of the picture as shares of its sides: x, y, width, height.
    package var crop: (x: Double, y: Double, width: Double, height: Double)?
    package var jitter: Jitter?
    package var grey = false
    package var flip = false
    /// Rows and columns exchanged; after `flip`. Crops only.
    package var turn = false
    /// The crop itself turned and scaled. Crops only.
    package var warp: Warp?

    package struct Warp {
        /// In radians.
        package var angle: Float
        /// Pixels of the picture for one of the crop.
        package var scale: Float
    }

    package struct Jitter {
        var brightness: Float
        var contrast: Float
        /// In turns.
        var hue: Float
        var saturation: Float
        var quality: Int
    }

    package init(_ config: AugmentationConfig, wholeImage: Bool, random: inout CounterRandom) {
        // Every number is drawn whatever the chances are, so that one setting does not change another's draws.
        let (width, height) = (random.uniform(0.8...1), random.uniform(0.8...1))
        let (x, y) = (random.unit() * (1 - width), random.unit() * (1 - height))
        if random.chance(config.crop), wholeImage { crop = (x, y, width, height) }
        let drawn = Jitter(
            brightness: Float(random.uniform(-0.05...0.05)), contrast: Float(random.uniform(0.8...1)),
            hue: Float(random.uniform(-0.025...0.025)), saturation: Float(random.uniform(0.8...1)),
            quality: 70 + random.index(31))
        if random.chance(config.jitter) { jitter = drawn }
        grey = random.chance(config.grey)
        flip = random.chance(config.flip)
        turn = random.chance(config.turn) && !wholeImage
        let turned = Warp(angle: Float(random.uniform(-.pi...(.pi))), scale: Float(random.uniform(0.6...1.3)))
        if random.chance(config.warp), !wholeImage { warp = turned }
    }

    /// Changes colours of `[side, side, 3]` in [0, 1].
    package func recolour(_ pixels: inout [Float], side: Int) throws(TrainingError) {
        if let jitter { try jitter.apply(&pixels, side: side) }
        if grey {
            for start in stride(from: 0, to: pixels.count, by: 3) {
                let luma = Self.luma(pixels[start], pixels[start + 1], pixels[start + 2])
                (pixels[start], pixels[start + 1], pixels[start + 2]) = (luma, luma, luma)
            }
        }
    }

    /// Exchanges left and right of `[side, side, channels]`.
    package static func mirror(_ values: inout [Float], side: Int, channels: Int) {
        for row in 0..<side {
            for column in 0..<side / 2 {
                for channel in 0..<channels {
                    values.swapAt(
                        (row * side + column) * channels + channel,
                        (row * side + side - 1 - column) * channels + channel)
                }
            }
        }
    }

    /// Exchanges rows and columns of `[side, side, channels]`.
    package static func transpose(_ values: inout [Float], side: Int, channels: Int) {
        for row in 0..<side {
            for column in 0..<row {
                for channel in 0..<channels {
                    values.swapAt(
                        (row * side + column) * channels + channel, (column * side + row) * channels + channel)
                }
            }
        }
    }

    /// Rec. 601.
    package static func luma(_ r: Float, _ g: Float, _ b: Float) -> Float { 0.299 * r + 0.587 * g + 0.114 * b }
}

extension Augmentation.Jitter {
    package func apply(_ pixels: inout [Float], side: Int) throws(TrainingError) {
        var mean: Float = 0
        for start in stride(from: 0, to: pixels.count, by: 3) {
            mean += Augmentation.luma(pixels[start], pixels[start + 1], pixels[start + 2])
        }
        mean /= Float(pixels.count / 3)
        let (cosine, sine) = (cosf(2 * .pi * hue) * saturation, sinf(2 * .pi * hue) * saturation)
        for start in stride(from: 0, to: pixels.count, by: 3) {
            // Hue and saturation turn and shrink the chroma plane of YIQ; luma keeps its place.
            let (r, g, b) = (pixels[start], pixels[start + 1], pixels[start + 2])
            let y = Augmentation.luma(r, g, b)
            let (i, q) = (0.595_716 * r - 0.274_453 * g - 0.321_263 * b, 0.211_456 * r - 0.522_591 * g + 0.311_135 * b)
            let (i2, q2) = (i * cosine - q * sine, i * sine + q * cosine)
            let y2 = (y - mean) * contrast + mean + brightness
            pixels[start] = min(max(y2 + contrast * (0.956_3 * i2 + 0.621 * q2), 0), 1)
            pixels[start + 1] = min(max(y2 + contrast * (-0.272_1 * i2 - 0.647_4 * q2), 0), 1)
            pixels[start + 2] = min(max(y2 + contrast * (-1.107 * i2 + 1.704_6 * q2), 0), 1)
        }
        let file = JPEGEncoder.encode(Image(width: side, height: side, rgb: pixels), quality: quality)
        let decoded: DecodedImage
        do { decoded = try ImageDecoder.decode(file) } catch {
            throw .image(path: "a JPEG made in memory", reason: error.description)
        }
        if case .uint8(let octets) = decoded.image.samples { pixels = octets.map { Float($0) / 255 } }
    }
}
