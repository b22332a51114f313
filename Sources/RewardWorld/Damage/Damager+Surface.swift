import Glibc

/// Damage that changes pixels where they are.
extension Damager {
    mutating func softened() -> [Pixel] {
        clean.blurred(note("sigma", random.uniform(2, 5.5) * unit), box)
    }

    mutating func colourShifted() -> [Pixel] {
        // Either two channels change places or all are turned about grey.
        let turn = note("turn", random.uniform(0.9, 5.4))
        let (s, c) = (sin(turn), cos(turn))
        let lift = note("lift", random.uniform(-0.12, 0.12))
        return mapped { pixel, _, _ in
            let luma = pixel.luma
            let (b, r) = ((pixel.z - luma) * 0.564, (pixel.x - luma) * 0.713)
            let (b2, r2) = (c * b - s * r + 0.06 * s, s * b + c * r + 0.06 * c)
            return SIMD4(
                luma + 1.402 * r2 + lift, luma - 0.344 * b2 - 0.714 * r2 + lift, luma + 1.772 * b2 + lift, 0)
        }
    }

    mutating func compressed() -> [Pixel] {
        let quality = note("quality", Float(random.integer(2...9)))
        return JPEGRoundTrip.apply(to: clean, box, quality: Int(quality)).pixels
    }

    mutating func grained() -> [Pixel] {
        let sigma = note("sigma", random.uniform(0.1, 0.3))
        let coarse = random.chance(0.4)
        parameters["coarse"] = coarse ? 1 : 0
        var stream = random.fork()
        if coarse {
            let fields = (0..<3).map { _ in
                ValueNoise.field(box.width, box.height, cell: max(2 * unit, 2), &stream)
            }
            let width = box.width
            return mapped { pixel, column, row in
                let place = row * width + column
                return pixel + (SIMD4(fields[0][place], fields[1][place], fields[2][place], 0.5) - 0.5) * (sigma * 4)
            }
        }
        return mapped { pixel, _, _ in pixel + stream.pixelNoise() * sigma }
    }

    mutating func posterised() -> [Pixel] {
        let levels = note("levels", Float(random.integer(2...4)))
        return mapped { pixel, _, _ in (pixel * (levels - 1)).rounded(.toNearestOrEven) * (1 / (levels - 1)) }
    }

    mutating func peppered() -> [Pixel] {
        let share = note("share", random.uniform(0.06, 0.3))
        var stream = random.fork()
        return mapped { pixel, _, _ in
            let draw = stream.unit()
            if draw >= share { return pixel }
            return draw < share / 2 ? .grey(0.02) : .grey(0.98)
        }
    }

    /// Scribbled strokes.
    mutating func lined() -> [Pixel] {
        let count = Int(note("strokes", Float(random.integer(3...9))))
        let thickness = note("thickness", random.uniform(0.8, 2.2) * unit)
        let colour: Pixel = SIMD4(random.unit(), random.unit(), random.unit(), 0)
        let strokes = (0..<count).map { _ in
            let angle = random.uniform(0, .pi)
            return (
                SIMD2(cos(angle), sin(angle)), random.uniform(-1, 1) * radius, random.uniform(0, 0.25) * radius,
                random.uniform(0.5, 2) * radius, random.uniform(0, 6)
            )
        }
        let (mask, box) = (mask, box)
        return mapped { pixel, column, row in
            let (x, y) = (Float(box.x + column) - mask.x, Float(box.y + row) - mask.y)
            var cover: Float = 0
            for (axis, shift, bend, length, phase) in strokes {
                let along = x * axis.x + y * axis.y
                let across = y * axis.x - x * axis.y - shift - bend * sin(along / length * 3 + phase)
                cover = max(cover, min(max(0.5 + thickness - abs(across), 0), 1))
            }
            return pixel + (colour - pixel) * cover
        }
    }

    mutating func oversharpened() -> [Pixel] {
        let amount = note("amount", random.uniform(4, 10))
        let soft = clean.blurred(note("sigma", random.uniform(0.8, 2) * unit), box)
        let width = box.width
        return mapped { pixel, column, row in pixel + (pixel - soft[row * width + column]) * amount }
    }

    mutating func flattened() -> [Pixel] {
        let mean = meanInside
        let share = note("share", random.uniform(0.75, 1))
        return mapped { pixel, _, _ in pixel + (mean - pixel) * share }
    }

    mutating func faded() -> [Pixel] {
        let share = note("share", random.uniform(0.4, 0.75))
        let towards = note("towards", random.pick([0, 1, 0.5]))
        return mapped { pixel, _, _ in pixel + (.grey(towards) - pixel) * share }
    }

    /// What was there is gone: its place is filled from around it.
    mutating func filledIn() -> [Pixel] {
        let reach = Int(radius * 1.5) + 2
        let area = box.grown(reach, within: clean.width, clean.height)
        var weighted = Canvas(width: area.width, height: area.height)
        for row in 0..<area.height {
            for column in 0..<area.width {
                let (x, y) = (area.x + column - box.x, area.y + row - box.y)
                let inside = x >= 0 && y >= 0 && x < box.width && y < box.height
                // The weight travels in the fourth lane.
                let weight = inside ? (mask.value(x, y) > 0.02 ? 0 : 1) : Float(1)
                var pixel = clean.pixels[(area.y + row) * clean.width + area.x + column]
                pixel.w = 1
                weighted.pixels[row * area.width + column] = pixel * weight
            }
        }
        let inner = PixelBox(x: box.x - area.x, y: box.y - area.y, width: box.width, height: box.height)
        let wide = weighted.blurred(note("sigma", max(radius * 0.55, 2)), inner)
        let mean = clean.mean
        return wide.map { pixel in
            guard pixel.w > 1e-4 else { return mean }
            var filled = pixel * (1 / pixel.w)
            filled.w = 0
            return filled
        }
    }

    /// Round holes of one colour.
    mutating func holed() -> [Pixel] {
        let count = Int(note("holes", Float(random.integer(3...10))))
        let colour = Pixel.grey(note("grey", random.pick([0.03, 0.97, random.unit()])))
        let holes = (0..<count).map { _ in
            SIMD3(
                random.uniform(-1, 1) * radius, random.uniform(-1, 1) * radius,
                max(radius * random.uniform(0.1, 0.28), 1.5))
        }
        let (mask, box) = (mask, box)
        return mapped { pixel, column, row in
            let (x, y) = (Float(box.x + column) - mask.x, Float(box.y + row) - mask.y)
            var cover: Float = 0
            for hole in holes {
                let (dx, dy) = (x - hole.x, y - hole.y)
                cover = max(cover, min(max(0.5 + hole.z - (dx * dx + dy * dy).squareRoot(), 0), 1))
            }
            return pixel + (colour - pixel) * cover
        }
    }

    /// Irregular cells of one colour each.
    mutating func crystallised() -> [Pixel] {
        let seeds = seeds(spacing: note("spacing", random.uniform(3.5, 8) * unit))
        var cells = [Int](repeating: 0, count: box.width * box.height)
        var sums = [Pixel](repeating: .zero, count: seeds.count)
        for row in 0..<box.height {
            for column in 0..<box.width {
                let (x, y) = (box.x + column, box.y + row)
                let cell = Self.nearest(SIMD2(Float(x), Float(y)), seeds)
                cells[row * box.width + column] = cell
                var pixel = clean.pixels[y * clean.width + x]
                // The count travels in the fourth lane.
                pixel.w = 1
                sums[cell] += pixel
            }
        }
        return cells.map { cell in
            var mean = sums[cell] * (1 / sums[cell].w)
            mean.w = 0
            return mean
        }
    }

    /// The colours apart, as of misaligned plates.
    mutating func fringed() -> [Pixel] {
        let angle = note("angle", random.uniform(0, 2 * .pi))
        let apart = SIMD2(cos(angle), sin(angle)) * note("apart", random.uniform(3, 8) * unit)
        let (red, blue) = (remapped { $0 + apart }, remapped { $0 - apart })
        let width = box.width
        return mapped { pixel, column, row in
            let place = row * width + column
            return SIMD4(red[place].x, pixel.y, blue[place].z, 0)
        }
    }

    /// Dark or bright stripes at one distance.
    mutating func scanned() -> [Pixel] {
        let period = note("period", random.uniform(3, 8) * unit)
        let angle = note("angle", random.chance(0.5) ? .pi / 2 : random.uniform(0, .pi))
        let strength = note("strength", random.sign() * random.uniform(0.2, 0.5))
        let axis = SIMD2(cos(angle), sin(angle))
        let box = box
        return mapped { pixel, column, row in
            let along = Float(box.x + column) * axis.x + Float(box.y + row) * axis.y
            return pixel + .grey(strength * (0.5 + 0.5 * sin(along * 2 * .pi / period)))
        }
    }

    mutating func mosaic() -> [Pixel] {
        let tile = Int(note("tile", (random.uniform(5, 11) * unit).rounded()))
        let (clean, box) = (clean, box)
        var means: [Pixel] = []
        let columns = (box.width + tile - 1) / tile
        for top in stride(from: 0, to: box.height, by: tile) {
            for left in stride(from: 0, to: box.width, by: tile) {
                var (sum, count) = (Pixel.zero, Float(0))
                for row in top..<min(top + tile, box.height) {
                    for column in left..<min(left + tile, box.width) {
                        sum += clean.pixels[(box.y + row) * clean.width + box.x + column]
                        count += 1
                    }
                }
                means.append(sum * (1 / count))
            }
        }
        return mapped { _, column, row in means[row / tile * columns + column / tile] }
    }

    /// Lines of marks that look like writing and are none.
    mutating func written() -> [Pixel] {
        let height = note("height", max(random.uniform(5, 9) * unit, 4))
        let ink: Pixel = meanInside.luma > 0.5 ? .grey(0.06) : .grey(0.94)
        let width = height * 0.7
        var strokes: [Int: [SIMD4<Float>]] = [:]
        let columns = Int(Float(box.width) / width) + 1
        for cell in 0..<columns * (Int(Float(box.height) / height) + 1) {
            strokes[cell] = (0..<random.integer(2...4)).map { _ in
                SIMD4(random.unit() * 0.7, random.unit() * 0.7, random.unit() * 0.7, random.unit() * 0.7)
            }
        }
        let thickness = 0.7 * unit
        return mapped { pixel, column, row in
            let (across, down) = (Int(Float(column) / width), Int(Float(row) / height))
            let (x, y) = (Float(column) - Float(across) * width, Float(row) - Float(down) * height)
            var cover: Float = 0
            for stroke in strokes[down * columns + across] ?? [] {
                let from = SIMD2(stroke.x * width, stroke.y * height)
                let to = SIMD2(stroke.z * width, stroke.w * height)
                let line = to - from
                let place = SIMD2(x, y) - from
                let length = max((line * line).sum(), 0.01)
                let share = min(max((place * line).sum() / length, 0), 1)
                let gap = place - line * share
                cover = max(cover, min(max(0.5 + thickness - (gap * gap).sum().squareRoot(), 0), 1))
            }
            return pixel + (ink - pixel) * cover
        }
    }

    /// The pattern that transposed convolutions leave.
    mutating func checkered() -> [Pixel] {
        let cell = Int(note("cell", (Float(random.integer(1...2)) * unit).rounded()))
        let strength = note("strength", random.uniform(0.1, 0.28))
        let box = box
        return mapped { pixel, column, row in
            let odd = ((box.x + column) / cell + (box.y + row) / cell) & 1
            return pixel + .grey(odd == 0 ? strength : -strength)
        }
    }

    mutating func solarised() -> [Pixel] {
        let limit = note("limit", random.uniform(0.2, 0.55))
        return mapped { pixel, _, _ in pixel.replacing(with: 1 - pixel, where: pixel .> limit) }
    }
}
