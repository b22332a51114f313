import Glibc

/// What happens to a whole picture after everything is drawn and damaged: tone, blur, noise and compression, the same
/// for every copy of it.
package struct Finish: Sendable {
    var gamma: Float = 1
    /// About middle grey.
    var contrast: Float = 1
    var saturation: Float = 1
    /// Gain per channel.
    var tint = SIMD4<Float>(1, 1, 1, 0)
    /// Standard deviation in pixels of a 192-pixel picture; 0 for none.
    package var blur: Float = 0
    /// Standard deviation in [0, 1]; 0 for none.
    package var noise: Float = 0
    /// JPEG quality; nil for none.
    package var quality: Int?
    let noiseStream: WorldRandom

    static let strongestBlur: Float = 1.5
    static let strongestNoise: Float = 0.05
    static let qualities = 25...95

    /// - Parameter keepsColours: for drawn scenes, whose prompts name colours that must still be told apart.
    package init(keepsColours: Bool, _ random: inout WorldRandom) {
        noiseStream = random.fork()
        if random.chance(0.25) { return }
        if random.chance(0.5) { gamma = exp(random.uniform(-0.75, 0.75) * (keepsColours ? 0.7 : 1)) }
        if random.chance(0.45) { contrast = random.uniform(keepsColours ? 0.55 : 0.35, 1.25) }
        if random.chance(0.35) { saturation = random.uniform(keepsColours ? 0.65 : 0.15, 1.35) }
        if random.chance(0.3) {
            tint = SIMD4(random.uniform(0.87, 1.1), random.uniform(0.92, 1.06), random.uniform(0.87, 1.1), 0)
        }
        if random.chance(0.35) { blur = random.uniform(0.3, Self.strongestBlur) }
        if random.chance(0.35) { noise = random.uniform(0.008, Self.strongestNoise) }
        if random.chance(0.5) { quality = random.integer(Self.qualities) }
    }

    package func apply(to canvas: Canvas) -> Canvas {
        var result = canvas
        toned(&result)
        if blur > 0 { result = result.blurred(blur * Float(canvas.width) / 192) }
        if noise > 0 {
            var stream = noiseStream
            result.addNoise(noise, &stream)
        }
        if let quality { result = JPEGRoundTrip.apply(to: result, quality: quality) }
        return result
    }

    private func toned(_ canvas: inout Canvas) {
        guard gamma != 1 || contrast != 1 || saturation != 1 || tint != SIMD4(1, 1, 1, 0) else { return }
        // A table in place of a power for each sample.
        let curve = (0...1024).map { pow(Float($0) / 1024, gamma) }
        curve.withUnsafeBufferPointer { curve in
            for index in canvas.pixels.indices {
                var pixel = canvas.pixels[index].clamped(lowerBound: .zero, upperBound: .one) * 1024
                if gamma != 1 {
                    for lane in 0..<3 {
                        let place = Int(pixel[lane])
                        let next = min(place + 1, 1024)
                        pixel[lane] = curve[place] + (curve[next] - curve[place]) * (pixel[lane] - Float(place))
                    }
                } else {
                    pixel *= 1 / 1024
                }
                let grey = Canvas.Pixel.grey(pixel.luma)
                pixel = (grey + (pixel - grey) * saturation) * tint
                pixel = (pixel - .grey(0.5)) * contrast + .grey(0.5)
                canvas.pixels[index] = pixel.clamped(lowerBound: .zero, upperBound: .one)
            }
        }
    }
}
