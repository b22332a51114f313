import RewardImage

/// A photograph kept small in memory, at its own size and every half of it.
struct Photograph: Sendable {
    let name: String
    let caption: Caption
    let levels: [Level]

    var width: Int { levels[0].width }
    var height: Int { levels[0].height }

    struct Level: Sendable {
        let width: Int
        let height: Int
        let pixels: [SIMD4<UInt8>]

        init(_ canvas: Canvas) {
            width = canvas.width
            height = canvas.height
            pixels = canvas.pixels.map { pixel in
                let levels = pixel.clamped(lowerBound: .zero, upperBound: .one) * 255 + 0.5
                return SIMD4(UInt8(levels.x), UInt8(levels.y), UInt8(levels.z), 0)
            }
        }
    }

    /// Longer sides are halved away when a photograph is read.
    static let longestSide = 1600

    init(name: String, caption: Caption, image: Image) {
        self.name = name
        self.caption = caption
        var canvas = Canvas(image)
        while max(canvas.width, canvas.height) > Self.longestSide { canvas = canvas.halved }
        var levels = [Level(canvas)]
        while min(canvas.width, canvas.height) >= 128 {
            canvas = canvas.halved
            levels.append(Level(canvas))
        }
        self.levels = levels
    }

    /// A square view: where it is in the photograph, and whether it is mirrored.
    struct View: Sendable {
        /// Of the left top corner, in pixels of the whole photograph.
        var x: Float
        var y: Float
        var side: Float
        var mirrored: Bool
        /// The side as a share of the photograph's shorter side.
        var scale: Float
    }

    /// A view 0.3 to 1 of the shorter side wide, but not so small that it would be much enlarged. Wide ones are laid,
    /// where that can be done, so that they show all that the caption names.
    func view(size: Int, _ random: inout WorldRandom) -> View {
        let short = Float(min(width, height))
        let least = min(max(0.3, 0.75 * Float(size) / short), 1)
        let wide = random.chance(0.5)
        let scale = wide ? random.uniform(max(least, 0.8), 1) : random.uniform(least, 1)
        let side = short * scale
        var view = View(x: 0, y: 0, side: side, mirrored: random.chance(0.5), scale: scale)
        for _ in 0..<(wide ? 8 : 1) {
            view.x = random.uniform(0, Float(width) - side)
            view.y = random.uniform(0, Float(height) - side)
            if showsAll(view) { break }
        }
        return view
    }

    /// Whether every place that the caption's words are about has its middle in the view.
    func showsAll(_ view: View) -> Bool {
        caption.swaps.allSatisfy { swap in
            guard let region = swap.region else { return true }
            let (x, y) = (region.x * Float(width), region.y * Float(height))
            return x >= view.x && x <= view.x + view.side && y >= view.y && y <= view.y + view.side
        }
    }

    /// The view at `size` × `size`, read bilinearly from the level nearest above.
    func picture(_ view: View, size: Int) -> Canvas {
        var level = 0
        var factor: Float = 1
        while level + 1 < levels.count, view.side / factor / Float(size) > 1.4 {
            level += 1
            factor *= 2
        }
        let source = levels[level]
        let step = view.side / factor / Float(size)
        var canvas = Canvas(width: size, height: size)
        let columns = (0..<size).map { column -> (Int, Float) in
            let index = view.mirrored ? size - 1 - column : column
            let place = min(max(view.x / factor + (Float(index) + 0.5) * step - 0.5, 0), Float(source.width - 1))
            let whole = min(Int(place), source.width - 2)
            return (whole, place - Float(whole))
        }
        source.pixels.withUnsafeBufferPointer { pixels in
            canvas.pixels.withUnsafeMutableBufferPointer { target in
                for row in 0..<size {
                    let place = min(max(view.y / factor + (Float(row) + 0.5) * step - 0.5, 0), Float(source.height - 1))
                    let whole = min(Int(place), source.height - 2)
                    let v = place - Float(whole)
                    let (top, bottom) = (whole * source.width, (whole + 1) * source.width)
                    for column in 0..<size {
                        let (x, u) = columns[column]
                        let (a, b) = (SIMD4<Float>(pixels[top + x]), SIMD4<Float>(pixels[top + x + 1]))
                        let (c, d) = (SIMD4<Float>(pixels[bottom + x]), SIMD4<Float>(pixels[bottom + x + 1]))
                        let (upper, lower) = (a + (b - a) * u, c + (d - c) * u)
                        target[row * size + column] = (upper + (lower - upper) * v) * (1 / 255)
                    }
                }
            }
        }
        return canvas
    }

    /// How much of each pixel of a view lies in a region.
    func coverage(_ region: Caption.Region, _ view: View, size: Int) -> [Float] {
        var result = [Float](repeating: 0, count: size * size)
        let (reachX, reachY) = (region.halfWidth * Float(width), region.halfHeight * Float(height))
        guard reachX > 0, reachY > 0 else { return result }
        let step = view.side / Float(size)
        for row in 0..<size {
            let dy = (view.y + (Float(row) + 0.5) * step - region.y * Float(height)) / reachY
            for column in 0..<size {
                let index = view.mirrored ? size - 1 - column : column
                let dx = (view.x + (Float(index) + 0.5) * step - region.x * Float(width)) / reachX
                result[row * size + column] = smoothstep((1.1 - (dx * dx + dy * dy).squareRoot()) / 0.2)
            }
        }
        return result
    }
}
