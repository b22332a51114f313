import Glibc

/// Damage that moves pixels.
extension Damager {
    mutating func elastic() -> [Pixel] {
        let cell = note("cell", max(radius * random.uniform(0.25, 0.7), 3))
        let reach = note("reach", radius * random.uniform(0.35, 0.9))
        var (first, second) = (random.fork(), random.fork())
        let across = ValueNoise.field(box.width, box.height, cell: cell, &first)
        let down = ValueNoise.field(box.width, box.height, cell: cell, &second)
        let (box, mask) = (box, mask)
        return remapped { place in
            let index =
                (Int((place.y + mask.y).rounded()) - box.y) * box.width + Int((place.x + mask.x).rounded()) - box.x
            return place + SIMD2(across[index] - 0.5, down[index] - 0.5) * (2 * reach)
        }
    }

    /// Paint dragged along a line.
    mutating func smear() -> [Pixel] {
        let angle = note("angle", random.uniform(0, 2 * .pi))
        let length = note("length", radius * random.uniform(0.8, 2))
        let step = SIMD2(cos(angle), sin(angle)) * (length / 15)
        var result = [Pixel](repeating: .zero, count: box.width * box.height)
        for row in 0..<box.height {
            for column in 0..<box.width {
                var sum = Pixel.zero
                for tap in 0..<16 {
                    sum += clean.sample(
                        Float(box.x + column) + step.x * Float(tap), Float(box.y + row) + step.y * Float(tap))
                }
                result[row * box.width + column] = sum * (1 / 16)
            }
        }
        return result
    }

    /// What stands beside the place is there a second time.
    mutating func duplicated() -> [Pixel] {
        let shift = offset(0.6, 1.3)
        return remapped { $0 + shift }
    }

    mutating func patchCopied() -> [Pixel] {
        let shift = offset(2, 5)
        let grow = note("scale", random.uniform(0.7, 1.4))
        return remapped { $0 * grow + shift }
    }

    mutating func foreign() -> [Pixel] {
        let shift = offset(0, 2)
        return remapped(from: donor) { $0 + shift }
    }

    mutating func mirrored() -> [Pixel] {
        let angle = note("axis", random.uniform(0, .pi))
        let axis = SIMD2(cos(angle), sin(angle))
        return remapped { place in
            let along = place.x * axis.x + place.y * axis.y
            return axis * (2 * along) - place
        }
    }

    mutating func ghosted() -> [Pixel] {
        let shift = offset(0.25, 0.8)
        let share = note("share", random.uniform(0.35, 0.6))
        let ghosts = remapped { $0 + shift }
        let width = box.width
        return mapped { pixel, column, row in pixel + (ghosts[row * width + column] - pixel) * share }
    }

    mutating func stretched() -> [Pixel] {
        let angle = note("angle", random.uniform(0, .pi))
        let axis = SIMD2(cos(angle), sin(angle))
        let factor = note("factor", random.uniform(2, 5))
        return remapped { place in
            let along = place.x * axis.x + place.y * axis.y
            return place - axis * (along * (1 - 1 / factor))
        }
    }

    /// A lens that swells or pinches.
    mutating func bulged() -> [Pixel] {
        let power = note("power", random.chance(0.5) ? random.uniform(1.8, 3) : random.uniform(0.3, 0.55))
        let radius = radius * 1.2
        return remapped { place in
            let distance = (place.x * place.x + place.y * place.y).squareRoot() / radius
            if distance >= 1 || distance < 1e-4 { return place }
            return place * pow(distance, power - 1)
        }
    }

    mutating func waved() -> [Pixel] {
        let length = note("length", max(radius * random.uniform(0.25, 0.7), 4))
        let reach = note("reach", radius * random.uniform(0.12, 0.35) + 1)
        let angle = note("angle", random.uniform(0, .pi))
        let (along, across) = (SIMD2(cos(angle), sin(angle)), SIMD2(-sin(angle), cos(angle)))
        return remapped { place in
            place + across * (reach * sin((place.x * along.x + place.y * along.y) * 2 * .pi / length))
        }
    }

    mutating func jittered() -> [Pixel] {
        let reach = note("reach", max(radius * random.uniform(0.25, 0.7), 3))
        let thickness = note("rows", Float(random.integer(1...3)))
        let down = random.chance(0.25)
        parameters["down"] = down ? 1 : 0
        let shifts = (0..<max(box.width, box.height) + 1).map { _ in random.uniform(-reach, reach) }
        let (mask, box) = (mask, box)
        return remapped { place in
            let line = down ? Int((place.x + mask.x).rounded()) - box.x : Int((place.y + mask.y).rounded()) - box.y
            let shift = shifts[line / Int(thickness)]
            return down ? SIMD2(place.x, place.y + shift) : SIMD2(place.x + shift, place.y)
        }
    }

    /// Too large or too small for where it stands.
    mutating func zoomed() -> [Pixel] {
        let factor = note("factor", random.chance(0.5) ? random.uniform(0.35, 0.6) : random.uniform(1.7, 2.6))
        return remapped { $0 * factor }
    }

    /// Splinters that have slipped.
    mutating func sharded() -> [Pixel] {
        let seeds = seeds(spacing: note("spacing", max(radius * random.uniform(0.45, 0.9), 4)))
        let reach = note("reach", radius * random.uniform(0.35, 0.9) + 2)
        let slips = seeds.map { _ in
            let angle = random.uniform(0, 2 * .pi)
            return SIMD2(cos(angle), sin(angle)) * (reach * random.uniform(0.4, 1))
        }
        let mask = mask
        return remapped { place in place + slips[Self.nearest(place + SIMD2(mask.x, mask.y), seeds)] }
    }

    /// Points about so far from each other over the mask's box, in the picture's pixels.
    mutating func seeds(spacing: Float) -> [SIMD2<Float>] {
        let count = max(Int(Float(box.width * box.height) / (spacing * spacing)), 2)
        return (0..<count).map { _ in
            SIMD2(
                Float(box.x) + random.unit() * Float(box.width), Float(box.y) + random.unit() * Float(box.height))
        }
    }

    static func nearest(_ place: SIMD2<Float>, _ seeds: [SIMD2<Float>]) -> Int {
        var (best, least) = (0, Float.infinity)
        for (index, seed) in seeds.enumerated() {
            let gap = place - seed
            let distance = (gap * gap).sum()
            if distance < least { (best, least) = (index, distance) }
        }
        return best
    }

    mutating func swirled() -> [Pixel] {
        let turn = note("turn", random.sign() * random.uniform(1.8, 4.5))
        let radius = radius * 1.25
        return remapped { place in
            let distance = (place.x * place.x + place.y * place.y).squareRoot() / radius
            let fade = max(1 - distance, 0)
            let angle = turn * fade * fade
            let (s, c) = (sin(angle), cos(angle))
            return SIMD2(c * place.x - s * place.y, s * place.x + c * place.y)
        }
    }

    mutating func rotated() -> [Pixel] {
        let turn = note("turn", random.sign() * random.uniform(0.6, 2.6))
        let (s, c) = (sin(turn), cos(turn))
        return remapped { SIMD2(c * $0.x - s * $0.y, s * $0.x + c * $0.y) }
    }

    /// One half slides along the other.
    mutating func seamed() -> [Pixel] {
        let angle = note("angle", random.uniform(0, .pi))
        let (along, across) = (SIMD2(cos(angle), sin(angle)), SIMD2(-sin(angle), cos(angle)))
        let slide = note("slide", random.sign() * radius * random.uniform(0.45, 1.1))
        return remapped { place in
            let side = place.x * across.x + place.y * across.y
            return side > 0 ? place + along * slide : place
        }
    }

    mutating func shuffled() -> [Pixel] {
        let tile = Int(note("tile", (max(radius / random.uniform(2, 3.5), 4)).rounded()))
        let columns = (box.width + tile - 1) / tile
        let rows = (box.height + tile - 1) / tile
        let order = random.shuffled(Array(0..<columns * rows))
        let (mask, box) = (mask, box)
        return remapped { place in
            let (column, row) = (Int((place.x + mask.x).rounded()) - box.x, Int((place.y + mask.y).rounded()) - box.y)
            let from = order[row / tile * columns + column / tile]
            let (dx, dy) = ((from % columns - column / tile) * tile, (from / columns - row / tile) * tile)
            return place + SIMD2(Float(dx), Float(dy))
        }
    }
}
