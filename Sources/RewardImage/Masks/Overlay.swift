/// Pictures that show a heatmap and a mask on the image they belong to.
public enum Overlay {
    /// The image in 8 bits with the heatmap over it, black through red and yellow to white, the more opaque the higher
    /// its value, and a cyan line just outside the mask's set pixels.
    ///
    /// Image, heatmap and mask have the same size.
    public static func draw(_ image: Image, heatmap: Heatmap?, outline: Mask?) -> Image {
        var pixels = image.octets
        if let heatmap {
            precondition(heatmap.width == image.width && heatmap.height == image.height, "a heatmap of another size")
            for (pixel, value) in heatmap.values.enumerated() where value > 0 {
                let colour = heat(value)
                let opacity = min(value, 1) * 0.75
                for channel in 0..<3 {
                    let level = Float(pixels[pixel * 3 + channel])
                    pixels[pixel * 3 + channel] = UInt8(level + (colour[channel] - level) * opacity)
                }
            }
        }
        if let outline {
            precondition(outline.width == image.width && outline.height == image.height, "a mask of another size")
            let thickness = max(1, Double(min(image.width, image.height) / 256))
            let grown = outline.dilated(by: StructuringElement(.disk, radius: thickness))
            for pixel in 0..<image.width * image.height where grown.values[pixel] != 0 && outline.values[pixel] == 0 {
                pixels[pixel * 3] = 0
                pixels[pixel * 3 + 1] = 255
                pixels[pixel * 3 + 2] = 255
            }
        }
        return Image(width: image.width, height: image.height, rgb: pixels)
    }

    /// The colour of glowing metal for a value in [0, 1], in levels.
    private static func heat(_ value: Float) -> SIMD4<Float> {
        let value = min(max(value, 0), 1) * 3
        let ramp = SIMD4<Float>(value, value - 1, value - 2, 0)
        return ramp.clamped(lowerBound: .zero, upperBound: .one) * 255
    }
}

extension Image {
    /// Interleaved 8-bit samples; floats are clamped to [0, 1] and rounded.
    public var octets: [UInt8] {
        switch samples {
        case .uint8(let octets): octets
        case .float32(let floats): floats.map { $0 > 0 ? UInt8((min($0, 1) * 255).rounded()) : 0 }
        }
    }
}

extension Heatmap {
    /// Reads a heatmap picture. A colour picture is refused: a heatmap has one channel.
    public init(_ image: Image) throws(MaskError) {
        guard let levels = image.greyLevels else { throw .colourPicture }
        self.init(width: image.width, height: image.height, values: levels)
    }
}
