import Glibc

/// Where a picture is damaged: 1 inside, 0 outside, a soft rim between.
package struct DamageMask: Sendable {
    enum Outline: String, CaseIterable, Sendable {
        case ellipse, rotatedEllipse = "rotated_ellipse", polygon, blob
    }

    let outline: Outline
    let x: Float
    let y: Float
    /// In pixels; the outline wanders around it.
    let radius: Float
    /// Every pixel above zero lies in it.
    package let box: PixelBox
    /// Row by row over the box.
    let values: [Float]

    private static let directions = 256

    /// A random outline of 6 to 22% of the side in radius, anywhere in the picture.
    package init(size: Int, _ random: inout WorldRandom) {
        let side = Float(size)
        // The square spreads the areas towards the small ones, which are harder.
        let share = random.unit()
        let radius = side * (0.06 + 0.16 * (0.4 * share + 0.6 * share * share))
        let margin = radius * 0.35
        let outline = random.pick(Outline.allCases)
        let reach = Self.reach(outline, &random).map { $0 * radius }
        self.init(
            outline: outline, x: random.uniform(margin, side - margin), y: random.uniform(margin, side - margin),
            radius: radius, reach: reach, rim: max(radius * random.uniform(0.06, 0.35), 1.5), size: size)
    }

    private init(
        outline: Outline, x: Float, y: Float, radius: Float, reach: [Float], rim: Float, size: Int
    ) {
        self.outline = outline
        self.x = x
        self.y = y
        self.radius = radius
        let most = (reach.max() ?? radius) + rim
        let (left, top) = (max(Int(x - most), 0), max(Int(y - most), 0))
        let box = PixelBox(
            x: left, y: top, width: min(Int(x + most) + 2, size) - left, height: min(Int(y + most) + 2, size) - top)
        self.box = box
        var values = [Float](repeating: 0, count: box.width * box.height)
        let scale = Float(Self.directions) / (2 * .pi)
        for row in 0..<box.height {
            for column in 0..<box.width {
                let (dx, dy) = (Float(box.x + column) - x, Float(box.y + row) - y)
                let distance = (dx * dx + dy * dy).squareRoot()
                if distance > most { continue }
                let turn = (atan2(dy, dx) + 2 * .pi) * scale
                let step = Int(turn)
                let (first, second) = (reach[step % Self.directions], reach[(step + 1) % Self.directions])
                let edge = first + (second - first) * (turn - Float(step))
                values[row * box.width + column] = smoothstep(0.5 + (edge - distance) / (2 * rim))
            }
        }
        self.values = values
    }

    /// The outline's distance from the centre in each direction, in radii.
    private static func reach(_ outline: Outline, _ random: inout WorldRandom) -> [Float] {
        let angles = (0..<directions).map { Float($0) * 2 * .pi / Float(directions) }
        switch outline {
        case .ellipse, .rotatedEllipse:
            let long = random.uniform(1, 1.35)
            let short = random.uniform(0.6, 1)
            let turn = outline == .ellipse ? 0 : random.uniform(0, .pi)
            return angles.map { angle in
                let (a, b) = (cos(angle - turn) / long, sin(angle - turn) / short)
                return 1 / (a * a + b * b).squareRoot()
            }
        case .polygon:
            let corners = random.integer(3...8)
            let start = random.uniform(0, 2 * .pi)
            let points = (0..<corners).map { corner -> SIMD2<Float> in
                let angle = start + (Float(corner) + random.uniform(-0.25, 0.25)) * 2 * .pi / Float(corners)
                let reach = random.uniform(0.75, 1.35)
                return SIMD2(cos(angle), sin(angle)) * reach
            }
            return angles.map { angle in
                let (dx, dy) = (cos(angle), sin(angle))
                var nearest: Float = 0.3
                for index in points.indices {
                    let (from, to) = (points[index], points[(index + 1) % corners])
                    let edge = to - from
                    let across = dx * edge.y - dy * edge.x
                    if abs(across) < 1e-6 { continue }
                    let along = (from.x * edge.y - from.y * edge.x) / across
                    let share = (from.x * dy - from.y * dx) / across
                    if along > 0, share >= 0, share <= 1 { nearest = max(nearest, along) }
                }
                return nearest
            }
        case .blob:
            let waves = (2...5).map { wave in
                (Float(wave), random.uniform(0, 0.36) / Float(wave).squareRoot(), random.uniform(0, 2 * .pi))
            }
            return angles.map { angle in
                max(waves.reduce(Float(1)) { $0 + $1.1 * cos($1.0 * angle + $1.2) }, 0.3)
            }
        }
    }

    @inline(__always)
    package func value(_ column: Int, _ row: Int) -> Float { values[row * box.width + column] }

    /// Pixels at least half inside.
    package var area: Int { values.reduce(0) { $0 + ($1 >= 0.5 ? 1 : 0) } }
}
