import RewardImage

/// A map drawn over the photograph it speaks of: dark where it is low, glowing where it is high.
enum HeatmapOverlay {
    /// Colours from low to high, evenly spaced and rising in lightness, so that they also read in grey.
    private static let colours: [(Float, Float, Float)] = [
        (0.00, 0.00, 0.02), (0.34, 0.06, 0.43), (0.74, 0.22, 0.33), (0.98, 0.56, 0.04), (0.99, 1.00, 0.64),
    ]

    /// - Parameter map: any size; stretched from its lowest to its highest value, so that faint maps can be seen.
    static func draw(_ map: Heatmap, over image: Image) -> Image {
        let (width, height) = (image.width, image.height)
        let values = Resampler(
            fromWidth: map.width, fromHeight: map.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(map).values
        let (lowest, highest) = (values.min() ?? 0, values.max() ?? 0)
        let scale = highest > lowest ? 1 / (highest - lowest) : 0
        let pixels = floats(image)
        var drawn = [Float](repeating: 0, count: pixels.count)
        for index in 0..<width * height {
            let level = (values[index] - lowest) * scale
            let (red, green, blue) = (pixels[index * 3], pixels[index * 3 + 1], pixels[index * 3 + 2])
            // The photograph in grey underneath: the only colour is the map's.
            let grey = 0.65 * (0.299 * red + 0.587 * green + 0.114 * blue)
            let colour = colour(level)
            let share = 0.15 + 0.7 * level
            drawn[index * 3] = grey * (1 - share) + colour.0 * share
            drawn[index * 3 + 1] = grey * (1 - share) + colour.1 * share
            drawn[index * 3 + 2] = grey * (1 - share) + colour.2 * share
        }
        return Image(width: width, height: height, rgb: drawn)
    }

    /// The magnitude of a gradient over all channels, as a map at the picture's size, its square root taken.
    static func magnitude(_ values: [Float], width: Int, height: Int) -> Heatmap {
        let count = width * height
        let sums = (0..<count).map { index in
            let (r, g, b) = (values[index], values[count + index], values[2 * count + index])
            return (r * r + g * g + b * b).squareRoot().squareRoot()
        }
        return Heatmap(width: width, height: height, values: sums)
    }

    private static func colour(_ level: Float) -> (Float, Float, Float) {
        let position = min(max(level, 0), 1) * Float(colours.count - 1)
        let first = min(Int(position), colours.count - 2)
        let share = position - Float(first)
        let (low, high) = (colours[first], colours[first + 1])
        return (
            low.0 + share * (high.0 - low.0), low.1 + share * (high.1 - low.1), low.2 + share * (high.2 - low.2)
        )
    }

    private static func floats(_ image: Image) -> [Float] {
        switch image.samples {
        case .uint8(let octets): octets.map { Float($0) * (1 / 255) }
        case .float32(let values): values
        }
    }
}
