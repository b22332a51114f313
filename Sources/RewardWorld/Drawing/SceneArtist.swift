/// A drawn scene and where its objects are.
struct DrawnScene: Sendable {
    var canvas: Canvas
    /// One list per group of the spec.
    var objects: [[DrawnObject]]

    /// How much each pixel is covered by the groups' objects, grown a little: where an eye looks for them.
    func coverage(ofGroups groups: Set<Int>) -> [Float] {
        var result = [Float](repeating: 0, count: canvas.pixels.count)
        for group in groups.sorted() {
            for object in objects[group] {
                let box = object.box(canvas.width, canvas.height)
                for y in box.y..<box.y + max(box.height, 0) {
                    for x in box.x..<box.x + max(box.width, 0) {
                        let place = y * canvas.width + x
                        result[place] = max(result[place], object.coverage(Float(x), Float(y), margin: 1))
                    }
                }
            }
        }
        return result
    }
}

/// Draws scenes.
enum SceneArtist {
    /// - Parameter photograph: what the ground shows when the spec's ground is a photograph; of the size to draw.
    static func draw(
        _ spec: SceneSpec, size: Int, photograph: Canvas?, _ random: inout WorldRandom
    ) -> DrawnScene {
        var canvas = ground(spec.ground, size: size, photograph, &random)
        let objects = layOut(spec, size: size, onPhotograph: photograph != nil, &random)
        for object in objects.joined() { object.draw(on: &canvas) }
        return DrawnScene(canvas: canvas, objects: objects)
    }

    private static func ground(
        _ ground: Ground, size: Int, _ photograph: Canvas?, _ random: inout WorldRandom
    ) -> Canvas {
        var canvas = Canvas(width: size, height: size)
        switch ground {
        case .plain(let name):
            let shade = name.shade(&random)
            let (lean, tilt) = (random.uniform(0, 0.12), random.uniform(-1, 1))
            fill(&canvas) { x, y in shade * (1 - lean * (0.5 * y + 0.5 * tilt * x)) }
        case .gradient(let first, let second):
            let (from, to) = (first.shade(&random), second.shade(&random))
            let across = random.chance(0.5)
            fill(&canvas) { x, y in from + (to - from) * smoothstep(across ? x : y) }
        case .cloudy(let name):
            let shade = name.shade(&random)
            let cell = random.uniform(0.08, 0.4) * Float(size)
            let clouds = ValueNoise.fractal(size, size, cell: cell, octaves: 4, &random)
            let strength = random.uniform(0.15, 0.4)
            for index in canvas.pixels.indices {
                canvas.pixels[index] = (shade + Canvas.Pixel.grey((clouds[index] - 0.5) * strength)).clamped(
                    lowerBound: .zero, upperBound: .one)
            }
        case .photograph:
            guard let photograph else { preconditionFailure("a photograph must be given for a photograph's ground") }
            // Paler, so that the objects stand out.
            let mean = photograph.mean
            canvas = photograph
            for index in canvas.pixels.indices {
                canvas.pixels[index] = mean + (canvas.pixels[index] - mean) * 0.75
            }
        }
        return canvas
    }

    private static func fill(_ canvas: inout Canvas, _ value: (Float, Float) -> Canvas.Pixel) {
        let step = 1 / Float(canvas.width - 1)
        for y in 0..<canvas.height {
            for x in 0..<canvas.width { canvas.pixels[y * canvas.width + x] = value(Float(x) * step, Float(y) * step) }
        }
    }

    /// Throws circles into each group's region until none overlap, smaller when they do not fit.
    private static func layOut(
        _ spec: SceneSpec, size: Int, onPhotograph: Bool, _ random: inout WorldRandom
    ) -> [[DrawnObject]] {
        var placed: [SIMD4<Float>] = []
        let side = Float(size)
        let outline: Float = onPhotograph || random.chance(0.3) ? side / 192 * random.uniform(0.8, 2) : 0
        let shadow: Float = random.chance(0.25) ? random.uniform(0.15, 0.4) : 0
        let shading: Float = random.chance(0.4) ? random.uniform(0.05, 0.3) : 0
        return spec.groups.enumerated().map { index, group in
            let relation = spec.relation?.places
            let place = group.place ?? (index == 0 ? relation?.first : index == 1 ? relation?.second : nil)
            let region = place?.region ?? SIMD4(0.04, 0.04, 0.96, 0.96)
            let colour = group.colour.shade(&random)
            let second = contrast(colour)
            let (width, height) = (region.z - region.x, region.w - region.y)
            var radius = (width * height / Float(group.count)).squareRoot() * random.uniform(0.3, 0.46)
            radius = min(max(radius, 0.055), min(width, height) / 2, 0.17)
            return (0..<group.count).map { _ in
                let spot = spot(region, radius, &placed, &random)
                return DrawnObject(
                    shape: group.shape, pattern: group.pattern, colour: colour, second: second, x: spot.x * side,
                    y: spot.y * side, radius: spot.z * side,
                    turn: random.uniform(-1, 1) * group.shape.turn, outline: outline,
                    outlineColour: colour.luma > 0.45 ? .grey(0.08) : .grey(0.93), shadow: shadow, shading: shading)
            }
        }
    }

    /// A free circle: x, y, radius. Gives up on freedom after enough tries and takes the least crowded spot.
    private static func spot(
        _ region: SIMD4<Float>, _ wanted: Float, _ placed: inout [SIMD4<Float>], _ random: inout WorldRandom
    ) -> SIMD4<Float> {
        var best = SIMD4<Float>(0, 0, wanted, -.infinity)
        var radius = wanted * random.uniform(0.85, 1)
        for attempt in 0..<120 {
            if attempt % 20 == 19 { radius *= 0.87 }
            let x = random.uniform(region.x + radius, region.z - radius)
            let y = random.uniform(region.y + radius, region.w - radius)
            var room = Float.infinity
            for other in placed {
                let (dx, dy) = (x - other.x, y - other.y)
                room = min(room, (dx * dx + dy * dy).squareRoot() - other.z - radius)
            }
            if room > best.w { best = SIMD4(x, y, radius, room) }
            if best.w > 0.012 { break }
        }
        placed.append(best)
        return best
    }

    /// A darker or lighter tone of a colour, for patterns.
    private static func contrast(_ colour: Canvas.Pixel) -> Canvas.Pixel {
        colour.luma > 0.55 ? colour * 0.45 : colour + (SIMD4(1, 1, 1, 0) - colour) * 0.6
    }
}
