import Glibc

/// Damage that invents: structure that is nowhere in the picture, or the picture's own, folded and repeated.
extension Damager {
    /// Mirrored sectors around the middle.
    mutating func kaleidoscoped() -> [Pixel] {
        let sector = note("sector", 2 * .pi / Float(random.integer(3...8)))
        let start = note("start", random.uniform(0, 2 * .pi))
        return remapped { place in
            let distance = (place.x * place.x + place.y * place.y).squareRoot()
            let turns = (atan2(place.y, place.x) - start) / sector
            let share = turns - turns.rounded(.down)
            let angle = start + sector * min(share, 1 - share)
            return SIMD2(cos(angle), sin(angle)) * distance
        }
    }

    /// Paint that runs down, each streak as far as it likes.
    mutating func melted() -> [Pixel] {
        let cell = note("streak", max(radius * random.uniform(0.08, 0.3), 2))
        let reach = note("reach", radius * random.uniform(0.6, 1.6))
        var stream = random.fork()
        let field = ValueNoise.field(box.width, 1, cell: cell, &stream)
        let (mask, box) = (mask, box)
        return remapped { place in
            let column = min(max(Int((place.x + mask.x).rounded()) - box.x, 0), box.width - 1)
            let depth = max(place.y + mask.radius, 0) / (2 * mask.radius)
            return SIMD2(place.x, place.y - reach * field[column] * depth)
        }
    }

    /// Two halves pulled apart, and a gap of one colour between.
    mutating func torn() -> [Pixel] {
        let angle = note("angle", random.uniform(0, .pi))
        let across = SIMD2(-sin(angle), cos(angle))
        let half = note("gap", radius * random.uniform(0.12, 0.4))
        let colour: Pixel = random.chance(0.5) ? .grey(random.unit()) : meanInside
        let moved = remapped { place in
            let side = place.x * across.x + place.y * across.y
            return place - across * (side > 0 ? half : -half)
        }
        let (mask, box) = (mask, box)
        return mapped { _, column, row in
            let place = SIMD2(Float(box.x + column) - mask.x, Float(box.y + row) - mask.y)
            let side = abs(place.x * across.x + place.y * across.y)
            let cover = min(max(0.5 + half - side, 0), 1)
            let pixel = moved[row * box.width + column]
            return pixel + (colour - pixel) * cover
        }
    }

    mutating func sheared() -> [Pixel] {
        let angle = note("angle", random.uniform(0, .pi))
        let (along, across) = (SIMD2(cos(angle), sin(angle)), SIMD2(-sin(angle), cos(angle)))
        let slope = note("slope", random.sign() * random.uniform(0.5, 1.4))
        return remapped { place in place + along * (slope * (place.x * across.x + place.y * across.y)) }
    }

    /// A small piece laid out like wallpaper.
    mutating func tiled() -> [Pixel] {
        let side = note("side", max(radius * random.uniform(0.25, 0.7), 4))
        let mirrors = random.chance(0.5)
        parameters["mirrors"] = mirrors ? 1 : 0
        return remapped { place in
            func fold(_ value: Float) -> Float {
                let turns = value / side
                let share = turns - turns.rounded(.down)
                return (mirrors ? abs(2 * share - 1) : share) * side - side / 2
            }
            return SIMD2(fold(place.x), fold(place.y))
        }
    }

    /// An insect's eye: every facet shows the place again, smaller.
    mutating func faceted() -> [Pixel] {
        let side = note("side", max(radius * random.uniform(0.2, 0.5), 4))
        let shrink = note("shrink", random.uniform(1.6, 3))
        return remapped { place in
            let cell = SIMD2((place.x / side).rounded(.down) + 0.5, (place.y / side).rounded(.down) + 0.5) * side
            return cell + (place - cell) * shrink
        }
    }

    /// Rows whose pixels stand in order of their brightness.
    mutating func sorted() -> [Pixel] {
        let length = Int(note("length", max(radius * random.uniform(0.5, 1.6), 6)))
        let rises = random.chance(0.5)
        parameters["rises"] = rises ? 1 : 0
        var result = mapped { pixel, _, _ in pixel }
        for row in 0..<box.height {
            for start in stride(from: 0, to: box.width, by: length) {
                let range = row * box.width + start..<row * box.width + min(start + length, box.width)
                result[range].sort { rises ? $0.luma < $1.luma : $0.luma > $1.luma }
            }
        }
        return result
    }

    mutating func embossed() -> [Pixel] {
        let angle = note("angle", random.uniform(0, 2 * .pi))
        let step = SIMD2(cos(angle), sin(angle)) * note("step", random.uniform(0.8, 2) * unit)
        let strength = note("strength", random.uniform(1.5, 3.5))
        let grey = note("grey", random.pick([0, 0.5, 1]))
        let moved = remapped { $0 + step }
        let width = box.width
        return mapped { pixel, column, row in
            let slope = (pixel - moved[row * width + column]) * strength
            return slope + pixel * (1 - grey) + .grey(0.5 * grey)
        }
    }

    /// Hatching that follows light and dark.
    mutating func hatched() -> [Pixel] {
        let period = note("period", random.uniform(3, 6) * unit)
        let angle = note("angle", random.uniform(0, .pi))
        let wander = note("wander", random.uniform(0, 6))
        var stream = random.fork()
        let field = ValueNoise.field(box.width, box.height, cell: max(radius * 0.5, 4), &stream)
        let box = box
        let axis = SIMD2(cos(angle), sin(angle))
        return mapped { pixel, column, row in
            let along = Float(box.x + column) * axis.x + Float(box.y + row) * axis.y
            let phase = along * 2 * .pi / period + wander * field[row * box.width + column]
            let line = smoothstep((pixel.luma - 0.5 - 0.5 * sin(phase)) * 2 + 0.5)
            return .grey(0.08 + 0.84 * line) * 0.8 + pixel * 0.2
        }
    }

    /// Points in place of tones.
    mutating func stippled() -> [Pixel] {
        let share = note("share", random.uniform(0.5, 1))
        let isGrey = random.chance(0.5)
        parameters["grey"] = isGrey ? 1 : 0
        var stream = random.fork()
        return mapped { pixel, _, _ in
            let draws: Pixel = isGrey ? .grey(stream.unit()) : SIMD4(stream.unit(), stream.unit(), stream.unit(), 0)
            let tone: Pixel = isGrey ? .grey(pixel.luma) : pixel
            let points = Pixel.zero.replacing(with: 1, where: tone .> draws)
            return pixel + (points - pixel) * share
        }
    }

    /// Bright or dark parts that have grown into blobs.
    mutating func thickened() -> [Pixel] {
        let reach = Int(note("reach", (random.uniform(1.6, 4.4) * unit).rounded()))
        let brighter = random.chance(0.5)
        parameters["brighter"] = brighter ? 1 : 0
        let (clean, box) = (clean, box)
        return mapped { pixel, column, row in
            var found = pixel
            for dy in -reach...reach {
                for dx in -reach...reach where dx * dx + dy * dy <= reach * reach {
                    let other = clean.clamped(box.x + column + dx, box.y + row + dy)
                    found = found.replacing(with: other, where: brighter ? other .> found : other .< found)
                }
            }
            return found
        }
    }

    /// Outlines alone.
    mutating func outlined() -> [Pixel] {
        let strength = note("strength", random.uniform(2, 5))
        let isDark = random.chance(0.5)
        parameters["dark"] = isDark ? 1 : 0
        let (clean, box) = (clean, box)
        return mapped { _, column, row in
            let (x, y) = (box.x + column, box.y + row)
            let across = clean.clamped(x + 1, y).luma - clean.clamped(x - 1, y).luma
            let down = clean.clamped(x, y + 1).luma - clean.clamped(x, y - 1).luma
            let edge = min((across * across + down * down).squareRoot() * strength, 1)
            return .grey(isDark ? edge : 1 - edge)
        }
    }

    /// A net of veins or cracks.
    mutating func veined() -> [Pixel] {
        let cell = note("cell", max(radius * random.uniform(0.2, 0.5), 4))
        let sharpness = note("sharpness", random.uniform(6, 14))
        let colour: Pixel = SIMD4(random.unit(), random.unit(), random.unit(), 0)
        var stream = random.fork()
        let field = ValueNoise.field(box.width, box.height, cell: cell, &stream)
        let width = box.width
        return mapped { pixel, column, row in
            let ridge = max(1 - abs(2 * field[row * width + column] - 1) * sharpness, 0)
            return pixel + (colour - pixel) * min(1.6 * ridge, 1)
        }
    }

    /// A blot that shows what lies under it.
    mutating func stained() -> [Pixel] {
        let strength = note("strength", random.uniform(0.5, 0.9))
        let colour: Pixel = SIMD4(random.unit(), random.unit(), random.unit(), 0)
        var stream = random.fork()
        let field = ValueNoise.field(box.width, box.height, cell: max(radius * 0.6, 4), &stream)
        let width = box.width
        return mapped { pixel, column, row in
            let cover = strength * smoothstep((field[row * width + column] - 0.25) * 4)
            return pixel + (colour * (0.4 + pixel.luma) - pixel) * cover
        }
    }
}
