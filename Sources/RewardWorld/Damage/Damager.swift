import Glibc

/// Does one kind of damage to one place of a picture.
///
/// Each kind gives new pixels for the mask's box; the mask blends them in, so that pixels outside it stay as they are.
package struct Damager {
    package typealias Pixel = Canvas.Pixel

    let clean: Canvas
    let mask: DamageMask
    /// Another picture of the same size.
    let donor: Canvas
    var random: WorldRandom
    /// What was decided, for the record.
    var parameters: [String: Float] = [:]

    var box: PixelBox { mask.box }
    var radius: Float { mask.radius }
    /// Pixels per pixel of a 192-pixel picture.
    var unit: Float { Float(clean.width) / 192 }

    package init(clean: Canvas, mask: DamageMask, donor: Canvas, random: WorldRandom) {
        self.clean = clean
        self.mask = mask
        self.donor = donor
        self.random = random
    }

    package mutating func apply(_ kind: DamageKind) -> Canvas {
        blend(damaged(kind))
    }

    private func blend(_ altered: [Pixel]) -> Canvas {
        var result = clean
        for row in 0..<box.height {
            for column in 0..<box.width {
                let share = mask.value(column, row)
                if share == 0 { continue }
                let place = (box.y + row) * clean.width + box.x + column
                let pixel = altered[row * box.width + column].clamped(lowerBound: .zero, upperBound: .one)
                result.pixels[place] += (pixel - result.pixels[place]) * share
            }
        }
        return result
    }

    private mutating func damaged(_ kind: DamageKind) -> [Pixel] {
        switch kind {
        case .elastic: elastic()
        case .smear: smear()
        case .blur: softened()
        case .duplicate: duplicated()
        case .mirror: mirrored()
        case .ghosting: ghosted()
        case .stretch: stretched()
        case .flatten: flattened()
        case .grain: grained()
        case .posterise: posterised()
        case .lines: lined()
        case .bulge: bulged()
        case .wave: waved()
        case .holes: holed()
        case .fade: faded()
        case .oversharpen: oversharpened()
        case .zoom: zoomed()
        case .shards: sharded()
        case .crystals: crystallised()
        case .fringe: fringed()
        case .scanlines: scanned()
        case .patchCopy: patchCopied()
        case .colourShift: colourShifted()
        case .jpegBlocks: compressed()
        case .foreignPatch: foreign()
        case .rowJitter: jittered()
        case .fillIn: filledIn()
        case .saltAndPepper: peppered()
        case .kaleidoscope: kaleidoscoped()
        case .melt: melted()
        case .tear: torn()
        case .shear: sheared()
        case .tiling: tiled()
        case .facets: faceted()
        case .emboss: embossed()
        case .hatching: hatched()
        case .stipple: stippled()
        case .thicken: thickened()
        case .outline: outlined()
        case .veins: veined()
        case .stain: stained()
        case .pixelSort: sorted()
        case .swirl: swirled()
        case .mosaic: mosaic()
        case .seam: seamed()
        case .glyphs: written()
        case .checkerboard: checkered()
        case .solarise: solarised()
        case .blockShuffle: shuffled()
        case .rotatedPatch: rotated()
        }
    }

    /// Draws a parameter and notes it.
    mutating func note(_ name: String, _ value: Float) -> Float {
        parameters[name] = value
        return value
    }

    /// Pixels read from elsewhere: `source` gives the place to read for each place, both relative to the mask's centre.
    func remapped(from canvas: Canvas? = nil, _ source: (SIMD2<Float>) -> SIMD2<Float>) -> [Pixel] {
        let canvas = canvas ?? clean
        var result = [Pixel](repeating: .zero, count: box.width * box.height)
        for row in 0..<box.height {
            for column in 0..<box.width {
                let from = source(SIMD2(Float(box.x + column) - mask.x, Float(box.y + row) - mask.y))
                result[row * box.width + column] = canvas.sample(mask.x + from.x, mask.y + from.y)
            }
        }
        return result
    }

    /// Pixels made from what is there.
    func mapped(_ change: (Pixel, Int, Int) -> Pixel) -> [Pixel] {
        var result = [Pixel](repeating: .zero, count: box.width * box.height)
        for row in 0..<box.height {
            for column in 0..<box.width {
                result[row * box.width + column] = change(
                    clean.pixels[(box.y + row) * clean.width + box.x + column], column, row)
            }
        }
        return result
    }

    /// The mean inside the mask.
    var meanInside: Pixel {
        var (sum, weight) = (Pixel.zero, Float(0))
        for row in 0..<box.height {
            for column in 0..<box.width {
                let share = mask.value(column, row)
                sum += clean.pixels[(box.y + row) * clean.width + box.x + column] * share
                weight += share
            }
        }
        return sum * (1 / max(weight, 1e-6))
    }

    /// A displacement whose end lies in the picture, `low` to `high` radii long.
    mutating func offset(_ low: Float, _ high: Float) -> SIMD2<Float> {
        let side = Float(clean.width)
        var found = SIMD2<Float>.zero
        for _ in 0..<12 {
            let angle = random.uniform(0, 2 * .pi)
            let length = random.uniform(low, high) * radius
            found = SIMD2(cos(angle), sin(angle)) * length
            let (x, y) = (mask.x + found.x, mask.y + found.y)
            if x > radius * 0.6, y > radius * 0.6, x < side - radius * 0.6, y < side - radius * 0.6 { break }
        }
        parameters["dx"] = found.x
        parameters["dy"] = found.y
        return found
    }
}
